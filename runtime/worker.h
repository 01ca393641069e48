/* SPDX-License-Identifier: MIT */
/* A worker of a pool: a process that does one task after the other.
 *
 *   1. set up whatever tasks need  2. bl_worker_up()
 *   3. bl_worker_serve(), which returns when it is over
 *
 * The limits of a task are the kernel's (tasklimit.h), and hold whether or not
 * the owner looks. */
#ifndef BILLIARD_WORKER_H
#define BILLIARD_WORKER_H

#include "runtime/buf.h"
#include "runtime/link.h"

struct bl_worker_task {
  unsigned mode;     /* the owner's (bl_pool_task) */
  unsigned share;    /* what it refers to; 0: nothing */
  struct bl_message *message; /* its descriptors: take what you need */
  const char *bytes;
  size_t size;
};

struct bl_worker_work {
  void *arg;
  /* Does the task, appends what it results in to *reply and returns a status
     >= 0, which the owner gets with it. */
  int (*run)(void *arg, const struct bl_worker_task *t, struct bl_buf *reply);
  /* From now on share `index` (from 1 to BL_POOL_SHARES) is these bytes. Null:
     there are none. */
  void (*share)(void *arg, unsigned index, const char *bytes, size_t size);
  /* KiB of memory of its own that it may have more than when it began to
     serve, before the owner is told; 0: any. */
  int64_t max_memory_kib;
  /* Gives back what nobody uses: called when it has more, and it counts what
     there is then. Null: there is nothing of that kind. */
  void (*shrink)(void *arg);
};

/* Tells the owner, once, that tasks may come, or (any status but 0) that they
 * may not: 0 or a negative code. */
BL_API int bl_worker_up(struct bl_link *l, int status, const char *bytes,
                        size_t size);

/* Serves: 0 when it was told to leave, BL_ECLOSED when the owner is gone,
 * BL_ETERMINATED when it is asked to end between two tasks, or another error
 * of bl_channel_receive() and bl_channel_send(). */
BL_API int bl_worker_serve(struct bl_link *l,
                           const struct bl_worker_work *work);

#endif
