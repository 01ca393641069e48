/* SPDX-License-Identifier: MIT */
/* Who waits for a change, in the order of their coming, each with a place
 * (roster.h) whose word says whether it was notified. The lock that guards
 * what changes is a latch (latch.h) of the caller's.
 *
 *   1. with the latch: place = bl_condition_enter(c)
 *   2. bl_latch_drop()
 *   3. bl_condition_wait(), again after a timeout that was early
 *   4. bl_latch_retake()
 *   5. bl_condition_leave()
 *
 * What the dead leave: the place of a waiter is skipped; a notified one that
 * dies before 5 passes it on; and the death of a holder of the latch, who may
 * have changed something, ends the waits of all. */
#ifndef BILLIARD_CONDITION_H
#define BILLIARD_CONDITION_H

#include "runtime/base.h"
#include "runtime/latch.h"

struct bl_condition;

enum { BL_CONDITION_WAITERS = 1000, BL_CONDITION_ALL = INT32_MAX };

size_t bl_condition_size(void);

/* Makes one in zeroed shared memory; 0 or -errno. */
int bl_condition_init(struct bl_condition *c);

/* A place among those who wait; -EAGAIN when there are too many. */
int bl_condition_enter(struct bl_condition *c);

/* Waits at that place until it is notified, or `deaths` is not the number of
 * the latch's any more: 0; BL_ETIMEOUT; or as bl_futex_wait(). */
int bl_condition_wait(struct bl_condition *c, int place,
                      const struct bl_latch *latch, uint32_t deaths,
                      int64_t deadline_ns);

/* Was the place notified? Gives it up; nothing where it is not this
 * thread's. */
int bl_condition_leave(struct bl_condition *c, int place);

/* Notifies those n that have waited longest; how many there were. With the
 * latch held. */
int bl_condition_notify(struct bl_condition *c, int n);

/* Does this thread wait there? */
int bl_condition_is_used(const struct bl_condition *c);

#endif
