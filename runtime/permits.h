/* SPDX-License-Identifier: MIT */
/* A number of permits, and a ledger of who has them: those of a process that
 * died return at the next look, and there are never more than at first. What
 * Lua knows as BoundedSemaphore.
 *
 * A process's permits are on its place (roster.h), which it remembers in an
 * int that begins as BL_PERMITS_NONE; the copy in a fork is worthless, and
 * known to be. */
#ifndef BILLIARD_PERMITS_H
#define BILLIARD_PERMITS_H

#include "runtime/base.h"

struct bl_permits;

enum {
  BL_PERMITS_NONE = -1,
  BL_PERMITS_HOLDERS = 1024 /* processes that can have some at a time */
};

/* Bytes for that many; makes them in zeroed shared memory: 0 or -errno. */
size_t bl_permits_size(uint32_t bound);
int bl_permits_init(struct bl_permits *p, uint32_t bound);

/* Takes one by the deadline (0: now, or not at all): 0; BL_ETIMEOUT; BL_EINTR and BL_ETERMINATED as
 * bl_futex_wait(). Waits, too, while too many processes have some. */
int bl_permits_take(struct bl_permits *p, int *place, int64_t deadline_ns);

/* Gives one back: 0, or -EPERM when this process has none by that place. */
int bl_permits_give(struct bl_permits *p, int *place);

/* Gives all of them back. */
void bl_permits_leave(struct bl_permits *p, int *place);

/* How many there are in all. */
uint32_t bl_permits_bound(const struct bl_permits *p);

/* How many are left now. */
uint32_t bl_permits_left(struct bl_permits *p);

/* How many this process has by that place. */
uint32_t bl_permits_mine(const struct bl_permits *p, int place);

#endif
