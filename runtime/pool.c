/* SPDX-License-Identifier: MIT */
/* The pool, its members, and waiting for them. */
#include "runtime/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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

static struct bl_member *member(const struct bl_pool *p, int worker) {
  return worker >= 0 && worker < p->n ? p->members[worker] : NULL;
}

void bl_pool_kill(struct bl_pool *p, int worker) {
  struct bl_member *m = member(p, worker);
  if (m && !m->buried) bl_member_kill(m, BL_POOL_KILLED);
}

void bl_pool_retire(struct bl_pool *p, int worker) {
  struct bl_member *m = member(p, worker);
  if (!m || m->retired || m->buried) return;
  m->retired = 1;
  bl_member_take_back(p, m);
  bl_member_freed(p, m);
  bl_pool_pump(p);
}

void bl_pool_look(const struct bl_pool *p, int worker,
                  struct bl_pool_worker *w) {
  const struct bl_member *m = member(p, worker);
  *w = (struct bl_pool_worker){0};
  if (!m) return;
  struct bl_task *started = bl_member_started(m, &w->since_ns);
  w->process = m->process;
  w->up = m->up;
  w->retired = m->retired || m->spent;
  w->done = m->done;
  w->ticket = started ? started->ticket : 0;
  w->waiting = m->load - (started != NULL);
}

/* ---- limits that the kernel should have enforced, and news of them ---- */

/* When the member must be looked at; tells and kills what is due. */
static int64_t check(struct bl_member *m, int64_t now, int act) {
  int64_t since, due = BL_FOREVER;
  struct bl_task *t = bl_member_started(m, &since);
  if (!t) return due;
  if (t->hard_ns > 0 && !m->overdue) {
    due = since + t->hard_ns + BL_POOL_GRACE_NS;
    if (act && now >= due) {
      m->overdue = 1;
      bl_process_signal(m->process, SIGKILL);
    }
  }
  if (!t->tell || t->soft_ns == 0 || t->soft_told) return due;
  if (act && now >= since + t->soft_ns) m->tell |= BL_TELL_SOFT;
  return since + t->soft_ns < due ? since + t->soft_ns : due;
}

static void check_limits(struct bl_pool *p, int64_t now) {
  if (p->timed == 0 || now - p->looked_ns < BL_MILLISECOND_NS) return;
  p->looked_ns = now;
  for (int i = 0; i < p->n; i++)
    if (p->members[i] && p->members[i]->timed) check(p->members[i], now, 1);
}

int64_t bl_pool_due(const struct bl_pool *p) {
  int64_t due = BL_FOREVER;
  int crowded = 0;
  for (int i = 0; i < p->n; i++) {
    struct bl_member *m = p->members[i];
    if (!m) continue;
    crowded |= m->crowded;
    int64_t d = m->timed ? check(m, 0, 0) : BL_FOREVER;
    if (d < due) due = d;
  }
  int64_t retry = crowded ? bl_now_ns() + BL_POOL_RETRY_NS : BL_FOREVER;
  return retry < due ? retry : due;
}

/* ---- waiting ---- */

static int has_news(const struct bl_member *m) {
  return m->tell || m->look || m->ended || m->buried ||
         (!m->deaf && bl_channel_holds(m->link.channel));
}

static int any_news(const void *what) {
  const struct bl_pool *p = what;
  for (int i = 0; i < p->n; i++)
    if (p->members[i] && has_news(p->members[i])) return 1;
  return 0;
}

/* One round of a spin; notes who must get where it can write. */
static int seen(const void *what) {
  struct bl_pool *p = (struct bl_pool *)(uintptr_t)what;
  uint32_t here = bl_spin_cpu(), near = 0;
  for (int i = 0; i < p->n; i++) {
    const struct bl_member *m = p->members[i];
    if (!m) continue;
    if (has_news(m)) return 1;
    if (m->load && bl_channel_peer_cpu(m->link.channel) == here) near = here;
  }
  atomic_store_explicit(&p->near, near, memory_order_relaxed);
  return 0;
}

static void mark(struct bl_pool *p, int id) {
  struct bl_member *m = member(p, p->by_id[id]);
  if (!m) return;
  if (id == m->link_id) m->look = 1;
  if (id == m->end_id) m->ended = 1;
}

static int64_t nearest(int64_t a, int64_t b) { return a < b ? a : b; }

/* Sleeps until something is ready or due. */
static int sleep_once(struct bl_pool *p, int64_t deadline_ns) {
  int r = bl_poller_wait(p->poller, nearest(deadline_ns, bl_pool_due(p)));
  for (int i = 0; i < r; i++) mark(p, bl_poller_ready(p->poller, i));
  if (r < 0) return r;
  check_limits(p, bl_now_ns());
  bl_pool_retry(p);
  return any_news(p);
}

int bl_pool_wait(struct bl_pool *p, int64_t deadline_ns) {
  struct bl_spin_look look = {seen, p, &p->near, 1, BL_SPIN_NS};
  int64_t start = bl_now_ns();
  check_limits(p, start);
  if (any_news(p)) return 1;
  int hit = p->busy > 0 && start < deadline_ns &&
            bl_spin(&p->spin, &look, deadline_ns);
  int r = hit;
  while (r == 0) {
    r = sleep_once(p, deadline_ns);
    if (r == 0 && bl_now_ns() >= deadline_ns) return BL_ETIMEOUT;
  }
  bl_spin_learn(&p->spin, bl_now_ns() - start, hit);
  return r;
}

int bl_pool_fd(struct bl_pool *p) { return bl_poller_fd(p->poller); }

size_t bl_pool_backlog(const struct bl_pool *p) { return p->backlog; }
size_t bl_pool_underway(const struct bl_pool *p) { return p->underway; }
