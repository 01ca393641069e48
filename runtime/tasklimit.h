/* SPDX-License-Identifier: MIT */
/* The time limits of what a process is doing right now, kept by the kernel.
 *
 * Hard: a timer whose signal is SIGKILL, so that it also ends what is stopped,
 * loops in C or blocks all signals, whether or not anybody looks on. Soft: a
 * timer whose signal leaves an interrupt (interrupt.h), BL_INTERRUPT_SOFT, once
 * for each begin.
 *
 *   1. bl_tasklimit_begin()  2. do it  3. bl_tasklimit_end(); again and again
 *   4. bl_tasklimit_rest() before sleeping until there is more to do
 *
 * To set a timer is a system call (0.7 us), and short tasks come one after the
 * other, so there are as few as possible: begin sets the hard timer, which
 * only a begin or a rest moves again; the soft timer is set when it is not
 * running, and its handler sets it anew where it came too early for the task
 * of now. Child only, after bl_limit_listen(). */
#ifndef BILLIARD_TASKLIMIT_H
#define BILLIARD_TASKLIMIT_H

#include "runtime/base.h"

/* From here on these deadlines hold, BL_FOREVER for none. A hard timer of
 * before has no meaning once this returned. */
void bl_tasklimit_begin(int64_t soft_ns, int64_t hard_ns);

/* It is done: an interrupt of its that was not taken is taken back. 1: its
 * soft limit was met. The hard timer goes on. */
int bl_tasklimit_end(void);

/* No timer runs any more. */
void bl_tasklimit_rest(void);

#endif
