/* SPDX-License-Identifier: MIT */
/* The pool and its members. */
#include "runtime/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "runtime/pool_impl.h"

struct bl_pool *bl_pool_new(int *error) {
  struct bl_pool *p = calloc(1, sizeof *p);
  *error = -ENOMEM;
  if (!p) return NULL;
  p->poller = bl_poller_new(error);
  if (p->poller) return p;
  free(p);
  return NULL;
}

struct bl_pool *bl_pool_free(struct bl_pool *p) {
  if (!p) return NULL;
  for (int i = 0; i < p->n; i++)
    if (p->members[i]) bl_member_remove(p, p->members[i]);
  if (p->holding) bl_message_drop(&p->held);
  for (int i = 1; i <= BL_POOL_SHARES; i++) free(p->shares[i].bytes);
  bl_tickets_drop(&p->tickets);
  bl_poller_free(p->poller);
  free(p->members);
  free(p->by_id);
  free(p->idle);
  free(p);
  return NULL;
}

/* ---- members ---- */

/* A free number, and room for one more among the idle; or -ENOMEM. */
static int take_number(struct bl_pool *p) {
  for (int i = 0; i < p->n; i++)
    if (!p->members[i]) return i;
  size_t room = (size_t)p->n + 1;
  struct bl_member **members = realloc(p->members, room * sizeof *members);
  if (members) p->members = members;
  int *idle = realloc(p->idle, room * sizeof *idle);
  if (idle) p->idle = idle;
  if (!members || !idle) return -ENOMEM;
  p->members[p->n] = NULL;
  return p->n++;
}

/* Waits for the descriptor on the member's behalf; the id. */
static int listen(struct bl_pool *p, const struct bl_member *m, int fd) {
  int id = bl_poller_add(p->poller, fd, POLLIN);
  if (id < 0) return id;
  if (id >= p->ids) {
    int *more = realloc(p->by_id, (size_t)(id + 1) * sizeof *more);
    if (!more) {
      bl_poller_remove(p->poller, id);
      return -ENOMEM;
    }
    p->by_id = more;
    p->ids = id + 1;
  }
  p->by_id[id] = m->index;
  return id;
}

static void stop_listening(struct bl_pool *p, int *id) {
  if (*id >= 0) bl_poller_remove(p->poller, *id);
  *id = -1;
}

void bl_member_ignore(struct bl_pool *p, struct bl_member *m) {
  stop_listening(p, &m->link_id);
  m->deaf = 1;
  m->look = 0;
}

/* Its number is another's soon, who is listed once, as everybody. */
static void unlist(struct bl_pool *p, const struct bl_member *m) {
  int n = 0;
  for (int i = 0; i < p->n_idle; i++)
    if (p->idle[i] != m->index) p->idle[n++] = p->idle[i];
  p->n_idle = n;
}

void bl_member_remove(struct bl_pool *p, struct bl_member *m) {
  if (m->listed) unlist(p, m);
  stop_listening(p, &m->link_id);
  stop_listening(p, &m->end_id);
  bl_link_drop(&m->link);
  p->members[m->index] = NULL;
  free(m);
}

static int admit(struct bl_pool *p, struct bl_member *m) {
  int fds[BL_LINK_FDS];
  m->index = take_number(p);
  if (m->index < 0) return m->index;
  bl_link_fds(&m->link, fds);
  m->link_id = listen(p, m, fds[0]);
  m->end_id = listen(p, m, bl_process_sentinel(m->process));
  if (m->link_id < 0) return m->link_id;
  if (m->end_id < 0) return m->end_id;
  p->members[m->index] = m;
  bl_channel_watch(m->link.channel);
  m->look = 1; /* for what it said before */
  bl_link_settle(&m->link);
  bl_process_contain(m->process);
  return m->index;
}

int bl_pool_add(struct bl_pool *p, struct bl_process *process,
                struct bl_link *link, uint64_t max_tasks) {
  struct bl_member *m = calloc(1, sizeof *m);
  if (!m) {
    bl_link_drop(link);
    return -ENOMEM;
  }
  *m = (struct bl_member){.process = process,
                          .link = *link,
                          .link_id = -1,
                          .end_id = -1,
                          .max = max_tasks,
                          .first = 1};
  *link = (struct bl_link){.desk = {.fd = BL_FD_NONE}};
  int r = admit(p, m);
  if (r >= 0) return r;
  stop_listening(p, &m->link_id);
  stop_listening(p, &m->end_id);
  bl_link_drop(&m->link);
  free(m);
  return r;
}

void bl_member_kill(struct bl_member *m, enum bl_pool_why why) {
  if (!m->why) m->why = why;
  bl_process_signal(m->process, SIGKILL);
}

struct bl_member *bl_pool_member(const struct bl_pool *p, int worker) {
  return worker >= 0 && worker < p->n ? p->members[worker] : NULL;
}

void bl_pool_kill(struct bl_pool *p, int worker) {
  struct bl_member *m = bl_pool_member(p, worker);
  if (m && !m->buried) bl_member_kill(m, BL_POOL_KILLED);
}

int bl_pool_fd(struct bl_pool *p) { return bl_poller_fd(p->poller); }

size_t bl_pool_backlog(const struct bl_pool *p) { return p->backlog; }
size_t bl_pool_underway(const struct bl_pool *p) { return p->underway; }
