/* SPDX-License-Identifier: MIT */
/* The tasks of a pool, by the tickets that name them. A ticket is an index and
 * how often that was given: what is over is not found, and a million tasks
 * cost what they need and no more. */
#ifndef BILLIARD_TICKETS_H
#define BILLIARD_TICKETS_H

#include <sys/uio.h>

#include "runtime/base.h"

struct bl_task {
  uint64_t ticket;
  struct bl_task *next, *before; /* in the pool's backlog */
  int worker;                    /* that has it, or -1: it is in the backlog */
  uint64_t number;               /* on that worker's link */
  int64_t soft_ns, hard_ns;
  uint32_t mode, share;
  unsigned attempts;
  int tell;
  int soft_told;
  int nfds;
  int *fds; /* its own */
  size_t size;
  char bytes[];
};

struct bl_tickets {
  struct bl_ticket_entry *entries;
  size_t n, room;
  uint32_t free; /* the first free index + 1; 0: none */
};

/* A task with its own copy of these bytes and descriptors: 0 or a negative
 * code. It is not in the table yet. */
int bl_task_new(const struct iovec *parts, int n, const int *fds, int nfds,
                struct bl_task **task);
void bl_task_free(struct bl_task *task);

/* Gives it a ticket: 0 or -ENOMEM. */
int bl_tickets_add(struct bl_tickets *t, struct bl_task *task);

/* Null: there is none (any more). */
struct bl_task *bl_tickets_find(const struct bl_tickets *t, uint64_t ticket);

/* Takes it out of the table and frees it. */
void bl_tickets_end(struct bl_tickets *t, struct bl_task *task);

/* Frees the table and all that is in it. */
void bl_tickets_drop(struct bl_tickets *t);

#endif
