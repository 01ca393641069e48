/* SPDX-License-Identifier: MIT */
/* Limits that the kernel enforces on a process, wherever it stands: in a
 * loop, in a system call, stopped.
 *
 * The signal has one owner, this file, and two uses, which differ by its value:
 * requests to end, and timers that run here (tasklimit.h).
 *
 * Controlled termination: the owner queues our real-time signal with a value;
 * the child's handler arms a timer whose signal is SIGKILL and leaves an
 * interrupt (interrupt.h). Until an interrupt is taken the signal repeats, so
 * that it also ends a blocking call that it just missed. */
#ifndef BILLIARD_LIMIT_H
#define BILLIARD_LIMIT_H

#include <signal.h>

#include "runtime/interrupt.h"
#include "runtime/timer.h"

/* The signal; never one that programs use by name. */
int bl_limit_signal(void);

/* owner: what goes with the signal. grace_ns is rounded up to ms. */
union sigval bl_limit_terminate_value(int64_t grace_ns);

/* child: listens from here on. Async-signal-safe. */
void bl_limit_listen(void);

/* child: has poke called (in the handler) whenever an interrupt is left. */
void bl_limit_poke(void (*poke)(void));

/* child: has due called, in the handler, whenever bl_limit_due_signal() comes
 * to this thread from a timer. 1: it was not, since bl_limit_listen(). */
int bl_limit_due(void (*due)(void));
struct bl_timer_signal bl_limit_due_signal(void);

/* handler: leaves an interrupt, and sees to it that it gets through. */
void bl_limit_interrupt(enum bl_interrupt what);

/* child: it is ending by itself: a request arms the timer and no more, and
 * nothing is left as an interrupt. */
void bl_limit_ending(void);

/* 1 when termination was ever requested of this process. */
int bl_limit_requested(void);

#endif
