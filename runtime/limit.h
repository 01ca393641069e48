/* SPDX-License-Identifier: MIT */
/* Limits that the kernel enforces on a process, wherever it stands: in a
 * loop, in a system call, stopped.
 *
 * Controlled termination: the owner queues our real-time signal with a value;
 * the child's handler arms a timer whose signal is SIGKILL and leaves an
 * interrupt (interrupt.h). Until that is taken the signal repeats, so that it
 * also ends a blocking call that it just missed. */
#ifndef BILLIARD_LIMIT_H
#define BILLIARD_LIMIT_H

#include <signal.h>

#include "runtime/base.h"

/* The signal; never one that programs use by name. */
int bl_limit_signal(void);

/* owner: what goes with the signal. grace_ns is rounded up to ms. */
union sigval bl_limit_terminate_value(int64_t grace_ns);

/* child: listens from here on. Async-signal-safe. */
void bl_limit_listen(void);

/* child: has poke called (in the handler) whenever an interrupt is left. */
void bl_limit_poke(void (*poke)(void));

/* child: it is ending by itself: a request arms the timer and no more. */
void bl_limit_ending(void);

/* 1 when termination was ever requested of this process. */
int bl_limit_requested(void);

#endif
