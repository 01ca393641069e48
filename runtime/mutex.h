/* SPDX-License-Identifier: MIT */
/* A mutex in memory that processes share, which outlives its holder: the
 * kernel passes it on when the holder ends, by whatever death, or execs.
 *
 * The holder is the thread that took it; a forked child holds nothing, and
 * cannot give what its parent holds. For processes that trust each other:
 * who can write the memory can lead others astray.
 *
 * The memory must stay mapped while the mutex is held: unmapped before, it
 * stays locked for ever. */
#ifndef BILLIARD_MUTEX_H
#define BILLIARD_MUTEX_H

#include <pthread.h>
#include <sys/types.h>

#include "runtime/base.h"

struct bl_mutex {
  pthread_mutex_t native;
};

/* How a mutex came into the caller's hands. */
enum bl_mutex_taken {
  BL_MUTEX_TAKEN = 0,
  BL_MUTEX_INHERITED = 1 /* its holder had died: what it guards may be half
                            done; nobody else will be told */
};

/* Makes one in zeroed shared memory, once; 0 or -errno. */
int bl_mutex_init(struct bl_mutex *m);

/* What it means that a call of the library's said r: how, or an error. */
int bl_mutex_judge(struct bl_mutex *m, int r);

/* Takes it now: how, or -EBUSY; BL_EDEADLOCK when this thread has it. */
static inline int bl_mutex_try(struct bl_mutex *m) {
  int r = pthread_mutex_trylock(&m->native);
  return r == 0 ? BL_MUTEX_TAKEN : bl_mutex_judge(m, r);
}

/* Takes it by the deadline: how; BL_ETIMEOUT; BL_EDEADLOCK. A sleep in the
 * mutex ends with no signal, and its wake-up is lost where one dies who is
 * just giving it (docs/model.md): so it is taken in slices, between which
 * BL_ETERMINATED is seen; a signal handler that ran is not (clocklock). */
int bl_mutex_take(struct bl_mutex *m, int64_t deadline_ns);

/* The same for a mutex that is held for moments only: who is in time finds it
 * free, though somebody is inside; waits for him a little beyond the
 * deadline (he may be stopped there), and not at all for ever. */
int bl_mutex_visit(struct bl_mutex *m, int64_t deadline_ns);

/* Takes it, however long that takes and whatever is pending: for those who
 * have to put something right. How, or BL_EDEADLOCK. */
int bl_mutex_insist(struct bl_mutex *m);

/* Gives it: 0, or -EPERM when this thread does not have it. */
static inline int bl_mutex_give(struct bl_mutex *m) {
  return -pthread_mutex_unlock(&m->native);
}

/* The thread that holds it, 0 for none: what was so at that moment. Disturbs
 * nobody, as a try would. */
pid_t bl_mutex_holder(const struct bl_mutex *m);

/* 1 while it is nobody's because its holder has died, and nobody was told. */
int bl_mutex_is_left(const struct bl_mutex *m);

#endif
