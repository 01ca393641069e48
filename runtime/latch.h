/* SPDX-License-Identifier: MIT */
/* A lock for longer than a few instructions: what Lua knows as Lock and
 * RLock. A mutex (mutex.h, whose rules hold) with what its holders need to
 * know: how often they have taken it, and that one before them let it go
 * half-way.
 *
 * Everything about it stands in the shared memory, so that two handles in
 * one process, and the copies in its forks, agree. */
#ifndef BILLIARD_LATCH_H
#define BILLIARD_LATCH_H

#include "runtime/base.h"
#include "runtime/mutex.h"

enum bl_latch_kind {
  BL_LATCH_PLAIN = 0,
  BL_LATCH_RECURSIVE /* its holder may take it again, and gives as often */
};

struct bl_latch {
  struct bl_mutex mutex;
  uint32_t kind;
  uint32_t depth;           /* the holder's: how often he has it */
  uint32_t forsaken;        /* the holder's: see bl_latch_forsake() */
  const void *handle;       /* the holder's: by which handle he took it; with
                               the memory mapped there it must stay so */
  _Atomic uint32_t deaths;  /* how often it was inherited, or forsaken */
};

/* Makes one in zeroed shared memory, once; 0 or -errno. */
int bl_latch_init(struct bl_latch *l, enum bl_latch_kind kind);

/* Takes it by that handle, now or by the deadline: how (bl_mutex_taken); BL_ETIMEOUT;
 * BL_EDEADLOCK when this thread has it, and it is a plain one;
 * BL_ETERMINATED. */
int bl_latch_try(struct bl_latch *l, const void *handle);
int bl_latch_take(struct bl_latch *l, const void *handle,
                  int64_t deadline_ns);

/* Gives it back once: 0, or -EPERM when this thread does not have it. */
int bl_latch_give(struct bl_latch *l);

/* Gives it back however often it was taken, and (deepen) once it was taken
 * again, has it so often. drop: the depth, or -EPERM. */
int bl_latch_drop(struct bl_latch *l);
void bl_latch_deepen(struct bl_latch *l, int depth);

/* Takes it however long that takes, and whatever is pending. */
int bl_latch_insist(struct bl_latch *l, const void *handle);

/* Gives it back, if this thread has it by that handle, as its death would:
 * the next holder inherits it. For a handle that is about to go. */
void bl_latch_forsake(struct bl_latch *l, const void *handle);

/* Does this thread have it? */
int bl_latch_is_mine(const struct bl_latch *l);

/* How many holders have died with it, counting one whose heir is not there
 * yet: a number that changed since says that there was one. */
uint32_t bl_latch_deaths(const struct bl_latch *l);

#endif
