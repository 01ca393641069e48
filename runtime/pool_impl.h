/* SPDX-License-Identifier: MIT */
/* What pool.c, dispatch.c, verdict.c and poolwait.c share. A worker of the pool
 * is a member here; what a worker is to itself is in worker.h. */
#ifndef BILLIARD_POOL_IMPL_H
#define BILLIARD_POOL_IMPL_H

#include "runtime/clock.h"
#include "runtime/poller.h"
#include "runtime/pool.h"
#include "runtime/spin.h"
#include "runtime/tickets.h"

enum {
  BL_POOL_DEPTH = 64, /* tasks at a worker: those that wait are cheap to take
                         back, but not free */
  BL_POOL_LOW = 32    /* with so many it gets more of the backlog */
};

/* How long after its time a worker is given to die by its own timer; how long
 * one that had no room for a task may take to have some. */
#define BL_POOL_GRACE_NS (50 * BL_MILLISECOND_NS)
#define BL_POOL_RETRY_NS (2 * BL_MILLISECOND_NS)

enum { /* what is to be told of a member */
  BL_TELL_FULL = 1,
  BL_TELL_SPENT = 2,
  BL_TELL_SOFT = 4
};

struct bl_member {
  struct bl_process *process;
  struct bl_link link;
  int index;
  int link_id, end_id; /* in the poller; -1: not there */
  int buried; /* its tasks were given back; those it lost are told */
  int up, retired, left; /* left: it was told to leave */
  int deaf;              /* nothing of what it sends is read any more */
  int look, ended;       /* its link, its end: the poller said so */
  int crowded;           /* had no room for a task */
  int spent;
  int overdue;           /* killed for a hard limit that it outlived */
  enum bl_pool_why why;  /* it was killed for; 0: it was not */
  unsigned tell;
  int full_told;
  int listed;            /* among the idle */
  uint64_t given, max, done;
  uint64_t first, next;  /* its tasks have numbers from first to next */
  unsigned load;         /* how many there are */
  unsigned timed;        /* of them, with limits */
  struct bl_task *row[BL_DESK_SLOTS];
  unsigned char knows[BL_POOL_SHARES / 8 + 1];
};

struct bl_share {
  char *bytes; /* null: free */
  size_t size, tasks;
  int dropped;
};

struct bl_pool {
  struct bl_member **members; /* null: a free number */
  int n;
  int turn;  /* whose messages are read next */
  int dealt; /* who was the last candidate for a task */
  struct bl_poller *poller;
  int *by_id; /* of the poller: member */
  int ids;
  struct bl_tickets tickets;
  struct bl_task *head, *tail; /* the backlog */
  size_t backlog, underway;
  int busy;   /* members with tasks */
  int *idle;  /* numbers of members that were, a stack */
  int n_idle;
  unsigned timed;
  int64_t looked_ns; /* at limits */
  struct bl_share shares[BL_POOL_SHARES + 1];
  struct bl_message held; /* what the last event points into */
  int holding;
  struct bl_spin spin;
  _Atomic uint32_t near; /* the CPU of a worker that shares ours, or 0 */
};

/* ---- pool.c ---- */

/* The worker of that number, or null. */
struct bl_member *bl_pool_member(const struct bl_pool *p, int worker);

void bl_member_kill(struct bl_member *m, enum bl_pool_why why);
void bl_member_ignore(struct bl_pool *p, struct bl_member *m);
void bl_member_remove(struct bl_pool *p, struct bl_member *m);

/* ---- dispatch.c ---- */

/* The task with that number; null. */
struct bl_task *bl_member_task(const struct bl_member *m, uint64_t number);

/* What it has started and not finished; null. *since_ns, when. */
struct bl_task *bl_member_started(const struct bl_member *m,
                                  int64_t *since_ns);

/* Takes the task off the member. Call bl_member_freed() when all are off. */
void bl_member_unhook(struct bl_pool *p, struct bl_member *m,
                      struct bl_task *task);

/* It has less to do than before: gives it more, or lets it go. */
void bl_member_freed(struct bl_pool *p, struct bl_member *m);

/* Puts the task before all others. */
void bl_pool_put_back(struct bl_pool *p, struct bl_task *task);

/* What it has not started goes back. */
void bl_member_take_back(struct bl_pool *p, struct bl_member *m);

/* Ends the task and what it refers to. */
void bl_pool_end_task(struct bl_pool *p, struct bl_task *task);

/* Hands out what waits. */
void bl_pool_pump(struct bl_pool *p);

/* Lets those that had no room try again. */
void bl_pool_retry(struct bl_pool *p);

#endif
