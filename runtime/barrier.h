/* SPDX-License-Identifier: MIT */
/* A number of parties wait until all are there. Each has a place (roster.h)
 * while it waits; one that dies there, or goes early, breaks the barrier for
 * all. Generation follows generation; a broken barrier stays so until it is
 * reset.
 *
 *   1. place = bl_barrier_enter(b, &index)
 *   2. the last (index is the number of parties): bl_barrier_pass();
 *      everybody: bl_barrier_wait(), again after a timeout that was early
 *   3. bl_barrier_leave() */
#ifndef BILLIARD_BARRIER_H
#define BILLIARD_BARRIER_H

#include "runtime/base.h"

struct bl_barrier;

enum { BL_BARRIER_PARTIES = 1000 }; /* at most */

size_t bl_barrier_size(uint32_t parties);

/* Makes one in zeroed shared memory, with the timeout of waits that name
 * none; 0 or -errno. */
int bl_barrier_init(struct bl_barrier *b, uint32_t parties,
                    int64_t timeout_ns);

/* A place, and the index of the arrival, from 1; BL_EBROKEN. While those of
 * before have not all gone it waits until the deadline: BL_ETIMEOUT, or as
 * bl_futex_wait(). */
int bl_barrier_enter(struct bl_barrier *b, uint32_t *index,
                     int64_t deadline_ns);

/* Lets all go, if they are still there. */
void bl_barrier_pass(struct bl_barrier *b, int place);

/* Waits until all may go: 0; BL_EBROKEN; BL_ETIMEOUT, BL_EINTR and
 * BL_ETERMINATED as bl_futex_wait(). */
int bl_barrier_wait(struct bl_barrier *b, int place, int64_t deadline_ns);

/* Gives the place up; who may not go yet breaks the barrier. */
void bl_barrier_leave(struct bl_barrier *b, int place);

/* Breaks it for all who wait, and all who come. */
void bl_barrier_abort(struct bl_barrier *b);

/* Breaks it for all who wait; it is as new for those who come. */
void bl_barrier_reset(struct bl_barrier *b);

/* At this moment. */
int64_t bl_barrier_timeout(const struct bl_barrier *b);
uint32_t bl_barrier_parties(const struct bl_barrier *b);
uint32_t bl_barrier_waiting(struct bl_barrier *b);
int bl_barrier_is_broken(struct bl_barrier *b);

/* Does this thread wait there? */
int bl_barrier_is_used(const struct bl_barrier *b);

#endif
