/* SPDX-License-Identifier: MIT */
/* The time limits of what a process is doing right now, kept by the kernel.
 *
 * Hard: a timer whose signal is SIGKILL, so that it also ends what is stopped,
 * loops in C or blocks all signals, whether or not anybody looks on. Soft: a
 * timer whose signal leaves an interrupt (interrupt.h), BL_INTERRUPT_SOFT, at
 * most once for each begin.
 *
 *   1. bl_tasklimit_begin()  2. do it  3. bl_tasklimit_end(); again and again
 *   4. bl_tasklimit_rest() before sleeping until there is more to do
 *
 * To set a timer is a system call, and short tasks come one after the other,
 * so there are as few as possible: the hard timer is set as late as it may
 * come, and only a begin moves it again for which it would come too early, or
 * too late; the soft timer is set where none comes as early, and its handler
 * sets it anew where it came too early for the task of now. So most tasks with
 * limits cost no call, and a rest costs one.
 *
 * Child only, after bl_limit_listen(), from one thread. Where the kernel gives
 * no timer (RLIMIT_SIGPENDING) there is no limit: the owner must look, too. */
#ifndef BILLIARD_TASKLIMIT_H
#define BILLIARD_TASKLIMIT_H

#include "runtime/base.h"

/* From here on these deadlines (clock.h) hold, BL_FOREVER for none; the hard
 * one may be late by late_ns. A limit of before has no meaning once this
 * returned. */
void bl_tasklimit_begin(int64_t soft_ns, int64_t hard_ns, int64_t late_ns);

/* It is done: its soft interrupt comes no more, and is taken back where it was
 * not taken. 1: its soft limit was met. The hard timer goes on. Calls after the
 * first return the same. */
int bl_tasklimit_end(void);

/* The hard timer runs no more. The soft one may: its signal then comes once,
 * for nothing. */
void bl_tasklimit_rest(void);

#endif
