/* SPDX-License-Identifier: MIT */
#include "runtime/tickets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fd.h"

enum { FIRST_ROOM = 64 };

struct bl_ticket_entry {
  struct bl_task *task; /* null: free */
  uint32_t given;       /* how often */
  uint32_t free;        /* the next free index + 1 */
};

/* ---- tasks ---- */

void bl_task_free(struct bl_task *task) {
  for (int i = 0; i < task->nfds; i++) bl_fd_close(task->fds[i]);
  free(task->fds);
  free(task);
}

static int copy_fds(struct bl_task *task, const int *fds, int n) {
  if (n == 0) return 0;
  task->fds = malloc((size_t)n * sizeof *fds);
  if (!task->fds) return -ENOMEM;
  for (int i = 0; i < n; i++) {
    int fd = bl_fd_copy(fds[i]);
    if (fd < 0) return fd;
    task->fds[task->nfds++] = fd;
  }
  return 0;
}

int bl_task_new(const struct iovec *parts, int n, const int *fds, int nfds,
                struct bl_task **made) {
  size_t size = 0;
  for (int i = 0; i < n; i++) size += parts[i].iov_len;
  struct bl_task *task = malloc(sizeof *task + size);
  if (!task) return -ENOMEM;
  *task = (struct bl_task){.worker = -1, .size = size};
  char *to = task->bytes;
  for (int i = 0; i < n; i++) {
    if (parts[i].iov_len > 0) memcpy(to, parts[i].iov_base, parts[i].iov_len);
    to += parts[i].iov_len;
  }
  int r = copy_fds(task, fds, nfds);
  if (r < 0) bl_task_free(task);
  else *made = task;
  return r;
}

/* ---- the table ---- */

static uint32_t index_of(uint64_t ticket) { return (uint32_t)ticket - 1; }

static int grow(struct bl_tickets *t) {
  size_t room = t->room ? 2 * t->room : FIRST_ROOM;
  if (room > UINT32_MAX) return -ENOMEM;
  struct bl_ticket_entry *more = realloc(t->entries, room * sizeof *more);
  if (!more) return -ENOMEM;
  t->entries = more;
  t->room = room;
  return 0;
}

/* The index of an entry that is free, or -ENOMEM. */
static int64_t take_index(struct bl_tickets *t) {
  if (t->free) {
    uint32_t index = t->free - 1;
    t->free = t->entries[index].free;
    return index;
  }
  if (t->n == t->room && grow(t) < 0) return -ENOMEM;
  t->entries[t->n] = (struct bl_ticket_entry){0};
  return (int64_t)t->n++;
}

int bl_tickets_add(struct bl_tickets *t, struct bl_task *task) {
  int64_t index = take_index(t);
  if (index < 0) return (int)index;
  struct bl_ticket_entry *e = &t->entries[index];
  e->task = task;
  e->given = (e->given + 1) & (UINT32_MAX >> 1); /* fits a signed integer */
  task->ticket = (uint64_t)e->given << 32 | (uint64_t)(index + 1);
  return 0;
}

struct bl_task *bl_tickets_find(const struct bl_tickets *t, uint64_t ticket) {
  uint32_t index = index_of(ticket);
  if (index >= t->n) return NULL;
  const struct bl_ticket_entry *e = &t->entries[index];
  return e->task && e->task->ticket == ticket ? e->task : NULL;
}

void bl_tickets_end(struct bl_tickets *t, struct bl_task *task) {
  uint32_t index = index_of(task->ticket);
  struct bl_ticket_entry *e = &t->entries[index];
  e->task = NULL;
  e->free = t->free;
  t->free = index + 1;
  bl_task_free(task);
}

void bl_tickets_drop(struct bl_tickets *t) {
  for (size_t i = 0; i < t->n; i++)
    if (t->entries[i].task) bl_task_free(t->entries[i].task);
  free(t->entries);
  *t = (struct bl_tickets){0};
}
