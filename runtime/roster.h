/* SPDX-License-Identifier: MIT */
/* Who takes part in something in shared memory, and is still alive: each has
 * a place with a mutex that it holds as long as it is enrolled. A place whose
 * mutex is free is a dead one's; reused pids fool nobody.
 *
 * Everything is done under the guard mutex of who owns the roster. A place
 * belongs to the thread that enrolled; its forks have none. */
#ifndef BILLIARD_ROSTER_H
#define BILLIARD_ROSTER_H

#include "runtime/base.h"
#include "runtime/mutex.h"

struct bl_place {
  struct bl_mutex alive;  /* held by who is enrolled here */
  _Atomic uint32_t is_taken;
  _Atomic uint32_t word;  /* the owner's of the roster: zero at first */
  uint64_t ticket;        /* likewise */
};

struct bl_roster {
  uint32_t capacity;
  uint32_t used; /* places from here on were never taken */
  struct bl_place places[];
};

/* Bytes of a roster of that capacity. */
size_t bl_roster_size(size_t capacity);

/* Makes one in zeroed shared memory. */
void bl_roster_init(struct bl_roster *r, size_t capacity);

/* Enrols this thread, once more if it is already: its place, or -EAGAIN when
 * none is free. */
int bl_roster_enrol(struct bl_roster *r);

/* Gives up a place of this thread's; nothing when it is not. */
void bl_roster_leave(struct bl_roster *r, int place);

/* Is it this thread's; has it any? Memory with one must not be unmapped. */
int bl_roster_is_mine(const struct bl_roster *r, int place);
int bl_roster_has_mine(const struct bl_roster *r);

/* Has who took it died? Then it stays taken until it is struck. */
int bl_roster_is_dead(struct bl_roster *r, int place);
void bl_roster_strike(struct bl_roster *r, int place);

#endif
