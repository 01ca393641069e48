/* SPDX-License-Identifier: MIT */
/* A pool: tasks, and the workers that do them. Which worker gets which task,
 * what is lost with a worker, what is done again. No policy: how many workers
 * there are, and whether one that ended is replaced, its user decides.
 *
 *   1. p = bl_pool_new()
 *   2. for each worker: bl_link_pair(), start a process that serves the
 *      worker's end (worker.h), bl_pool_add()
 *   3. bl_pool_submit(), any number of times
 *   4. while (bl_pool_wait(p, deadline) > 0)
 *        while (bl_pool_next(p, &event) > 0) ...
 *   5. p = bl_pool_free(p), which neither ends nor joins the workers
 *
 * Every task ends exactly once: with an event of BL_POOL_RESULT or _LOST, or
 * taken back by bl_pool_cancel(). Nothing happens behind the user's back: tasks
 * move on in submit, wait and next. But limits hold, and workers work on what
 * they have, whether or not those are called.
 *
 * A task waits here until a worker has room for it, or at a worker behind
 * another. When a worker has nothing to do, what waits behind another's task
 * is taken back and goes there. When a worker dies, the task it had started is
 * lost, or done again while it has attempts; the others go elsewhere.
 *
 * Workers are not trusted: one that sends rubbish is killed. Belongs to the
 * process and the thread that made it. Functions return >= 0 or a negative
 * code. */
#ifndef BILLIARD_POOL_H
#define BILLIARD_POOL_H

#include <sys/uio.h>

#include "runtime/link.h"
#include "runtime/process.h"

struct bl_pool;

/* One without workers, null with *error where there is no memory or no
 * descriptor left. */
BL_API struct bl_pool *bl_pool_new(int *error);

/* Forgets its tasks, and closes the links of its workers, which then end by
 * themselves. Accepts null and returns it. */
BL_API struct bl_pool *bl_pool_free(struct bl_pool *p);

/* ---- workers, numbered from 0; a number is given again after GONE ---- */

/* A started process, which stays the caller's and must live until GONE, and
 * the owner's end of its link, which is taken (also when it fails). With
 * max_tasks > 0 it is given so many tasks at most. It gets tasks once it said
 * that it is up. The process leads a group (plan.pgroup), which ends with it.
 * Returns its number. */
BL_API int bl_pool_add(struct bl_pool *p, struct bl_process *process,
                       struct bl_link *link, uint64_t max_tasks);

/* Gets no more tasks; what it has not started is taken back; it leaves when it
 * has done the rest, and GONE tells when. */
BL_API void bl_pool_retire(struct bl_pool *p, int worker);

/* Kills it, with what it has started: LOST as _KILLED. */
BL_API void bl_pool_kill(struct bl_pool *p, int worker);

/* What is known of one right now. */
struct bl_pool_worker {
  struct bl_process *process; /* null: there is none of that number */
  int up, retired;
  uint64_t done;     /* tasks it has finished */
  uint64_t ticket;   /* of what it has started; 0: nothing */
  int64_t since_ns;  /* when */
  unsigned waiting;  /* tasks it has and has not started */
};

/* Fills in *w; zeroes, where there is no worker of that number. */
BL_API void bl_pool_look(const struct bl_pool *p, int worker,
                         struct bl_pool_worker *w);

/* ---- tasks ---- */

enum { BL_POOL_SHARES = 255 };

/* Bytes that many tasks refer to and each worker is sent once: its index, from
 * 1; 0: no more room. They are copied. unshare: once no task refers to it. */
BL_API int bl_pool_share(struct bl_pool *p, const char *bytes, size_t size);
BL_API void bl_pool_unshare(struct bl_pool *p, int share);

struct bl_pool_task {
  const struct iovec *parts; /* its bytes, copied */
  int n;
  const int *fds; /* copied (dup) */
  int nfds;
  uint32_t mode;  /* for the worker */
  uint32_t share; /* 0: none */
  int64_t soft_ns, hard_ns; /* from its start; 0: none */
  unsigned attempts;        /* at least 1: how often it may be started */
  int tell;                 /* STARTED and SOFT are wanted */
};

/* *ticket, never 0, names it until it has ended. */
BL_API int bl_pool_submit(struct bl_pool *p, const struct bl_pool_task *t,
                          uint64_t *ticket);

/* Takes it back unless it was started: 1, and nothing will be heard of it; or
 * 0. */
BL_API int bl_pool_cancel(struct bl_pool *p, uint64_t ticket);

/* Kills the worker that is doing it, with signal signo (0: KILL), and no other
 * task: 1, and LOST will come (as _TERMINATED); 0: it is over, or was not
 * started yet. */
BL_API int bl_pool_terminate(struct bl_pool *p, uint64_t ticket, int signo);

/* The worker that has started it, or -1; *since_ns, when. */
BL_API int bl_pool_started(const struct bl_pool *p, uint64_t ticket,
                           int64_t *since_ns);

/* Tasks that no worker has, and those that one has. */
BL_API size_t bl_pool_backlog(const struct bl_pool *p);
BL_API size_t bl_pool_underway(const struct bl_pool *p);

/* ---- events ---- */

enum bl_pool_kind {
  BL_POOL_UP = 1,  /* worker; status, bytes: what it says */
  BL_POOL_STARTED, /* ticket, worker, since_ns */
  BL_POOL_SOFT,    /* ticket, worker: its soft limit has passed */
  BL_POOL_RESULT,  /* ticket, worker, since_ns; status, flags, bytes */
  BL_POOL_LOST,    /* ticket, worker, since_ns; why, and how it ended */
  BL_POOL_FULL,    /* worker: has too much memory; told once */
  BL_POOL_SPENT,   /* worker: was given its last task; told once */
  BL_POOL_GONE     /* worker, how it ended; its number is free now */
};

enum bl_pool_why {
  BL_POOL_DIED = 1,   /* for no reason known here */
  BL_POOL_LIMIT,      /* its hard limit */
  BL_POOL_TERMINATED, /* bl_pool_terminate() */
  BL_POOL_KILLED,     /* bl_pool_kill() */
  BL_POOL_RUBBISH     /* it sent what no worker sends */
};

struct bl_pool_event {
  enum bl_pool_kind kind;
  int worker;
  uint64_t ticket;
  int64_t since_ns;
  enum bl_pool_why why;
  const struct bl_exit *exit; /* of LOST and GONE */
  struct bl_process *process; /* of the worker */
  unsigned status, flags;     /* as the worker said (link.h) */
  uint64_t done;              /* of GONE: tasks it has finished */
  const char *bytes; /* valid until the next call of next, submit or free */
  size_t size;
};

/* Waits until there is an event: 1, or BL_ETIMEOUT, BL_EINTR, BL_ETERMINATED
 * as bl_poll(). */
BL_API int bl_pool_wait(struct bl_pool *p, int64_t deadline_ns);

/* The next event, without waiting: 1, 0 for none; -ENOMEM and the like:
 * nothing was lost, try again. */
BL_API int bl_pool_next(struct bl_pool *p, struct bl_pool_event *e);

/* ---- in loops ---- */

/* Readable when there may be an event; and when to look whatever it says. */
BL_API int bl_pool_fd(struct bl_pool *p);
BL_API int64_t bl_pool_due(const struct bl_pool *p);

#endif
