/* SPDX-License-Identifier: MIT */
/* Timers of the kernel that send this process a signal, wherever it stands: in
 * a loop, in a system call, stopped. All is async-signal-safe.
 *
 * A timer is not inherited by fork: there the struct starts as {0} again. */
#ifndef BILLIARD_TIMER_H
#define BILLIARD_TIMER_H

#include "runtime/base.h"

struct bl_timer {
  int made;
  int id;
};

struct bl_timer_signal {
  int signo;
  int value;  /* its si_value.sival_ptr, beside si_code SI_TIMER */
  int thread; /* 1: to the thread that first starts the timer alone */
};

/* The signal comes at a time (clock.h), at once where that has passed, and
 * then every every_ns; 0: once. A timer that runs is set anew. Returns 0 or
 * -errno: the kernel has no timer to give. */
int bl_timer_start(struct bl_timer *t, const struct bl_timer_signal *signal,
                   int64_t at_ns, int64_t every_ns);

void bl_timer_stop(struct bl_timer *t);

#endif
