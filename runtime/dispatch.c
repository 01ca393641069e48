/* SPDX-License-Identifier: MIT */
/* Tasks on their way to workers, and back from them untouched.
 *
 * A task goes to a worker that has nothing to do, else to one with few tasks
 * among some that come next in turn, else into the backlog. While one worker
 * has nothing to do nothing waits at another. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/packet.h"
#include "runtime/pool_impl.h"

enum { CANDIDATES = 8 };

/* ---- the backlog ---- */

static void append(struct bl_pool *p, struct bl_task *t) {
  t->worker = -1;
  t->next = NULL;
  t->before = p->tail;
  if (p->tail) p->tail->next = t;
  else p->head = t;
  p->tail = t;
  p->backlog++;
}

void bl_pool_put_back(struct bl_pool *p, struct bl_task *t) {
  t->worker = -1;
  t->before = NULL;
  t->next = p->head;
  if (p->head) p->head->before = t;
  else p->tail = t;
  p->head = t;
  p->backlog++;
}

static void take_out(struct bl_pool *p, struct bl_task *t) {
  if (t->before) t->before->next = t->next;
  else p->head = t->next;
  if (t->next) t->next->before = t->before;
  else p->tail = t->before;
  p->backlog--;
}

/* ---- a member's row ---- */

struct bl_task *bl_member_task(const struct bl_member *m, uint64_t number) {
  struct bl_task *t = m->row[number % BL_DESK_SLOTS];
  return t && t->number == number ? t : NULL;
}

struct bl_task *bl_member_started(const struct bl_member *m,
                                  int64_t *since_ns) {
  for (uint64_t n = m->first; n <= m->next; n++) {
    struct bl_task *t = bl_member_task(m, n);
    enum bl_desk_state state =
        t ? bl_desk_look(&m->link, n, since_ns) : BL_DESK_FREE;
    if (state == BL_DESK_STARTED || state == BL_DESK_DOOMED) return t;
    if (state == BL_DESK_QUEUED) break; /* it does them in a row */
  }
  *since_ns = 0;
  return NULL;
}

static int is_timed(const struct bl_task *t) {
  return t->hard_ns > 0 || (t->tell && t->soft_ns > 0);
}

static void hook(struct bl_pool *p, struct bl_member *m, struct bl_task *t) {
  m->row[t->number % BL_DESK_SLOTS] = t;
  t->worker = m->index;
  p->busy += m->load++ == 0;
  p->underway++;
  m->given++;
  if (is_timed(t)) m->timed++, p->timed++;
}

void bl_member_unhook(struct bl_pool *p, struct bl_member *m,
                      struct bl_task *t) {
  m->row[t->number % BL_DESK_SLOTS] = NULL;
  t->worker = -1;
  p->busy -= --m->load == 0;
  p->underway--;
  if (is_timed(t)) m->timed--, p->timed--;
  while (m->first <= m->next && !bl_member_task(m, m->first)) m->first++;
}

/* 1 when it had not been started, and is in the caller's hands now. */
static int take_back(struct bl_pool *p, struct bl_member *m,
                     struct bl_task *t) {
  if (!bl_desk_take(&m->link, t->number)) return 0;
  bl_member_unhook(p, m, t);
  m->given--;
  return 1;
}

/* Takes back so many at most, those that came last. */
static void take_back_some(struct bl_pool *p, struct bl_member *m,
                           unsigned most) {
  for (uint64_t n = m->next; n >= m->first && most > 0; n--) {
    struct bl_task *t = bl_member_task(m, n);
    if (!t || !take_back(p, m, t)) continue;
    bl_pool_put_back(p, t);
    most--;
  }
}

void bl_member_take_back(struct bl_pool *p, struct bl_member *m) {
  take_back_some(p, m, BL_DESK_SLOTS);
}

/* ---- sending ---- */

static int is_open(const struct bl_member *m) {
  return m->up && !m->retired && !m->spent && !m->deaf && !m->ended &&
         !m->crowded && !m->why && m->load < BL_POOL_DEPTH;
}

static int send(struct bl_member *m, const struct bl_link_down *head,
                const char *bytes, size_t size, const int *fds, int nfds) {
  struct iovec parts[2] = {{(void *)(uintptr_t)head, sizeof *head},
                           {(void *)(uintptr_t)bytes, size}};
  return bl_channel_send(m->link.channel, parts, size > 0 ? 2 : 1, fds, nfds,
                         0);
}

static int send_share(struct bl_pool *p, struct bl_member *m, uint32_t i) {
  unsigned char bit = (unsigned char)(1u << i % 8);
  if (i == 0 || m->knows[i / 8] & bit) return 0;
  struct bl_link_down head = {.kind = BL_LINK_SHARE, .number = i};
  int r = send(m, &head, p->shares[i].bytes, p->shares[i].size, NULL, 0);
  if (r == 0) m->knows[i / 8] |= bit;
  return r;
}

static int send_task(struct bl_member *m, struct bl_task *t) {
  struct bl_link_down head = {.kind = BL_LINK_TASK,
                              .flags = t->tell ? BL_LINK_TELL : 0,
                              .soft_ns = t->soft_ns,
                              .hard_ns = t->hard_ns,
                              .mode = t->mode,
                              .share = t->share};
  do head.number = ++m->next;
  while (m->row[head.number % BL_DESK_SLOTS]);
  t->number = head.number;
  bl_desk_post(&m->link, t->number);
  return send(m, &head, t->bytes, t->size, t->fds, t->nfds);
}

/* The last task it may be given. */
static void note_spent(struct bl_member *m) {
  if (m->max == 0 || m->given < m->max || m->spent) return;
  m->spent = 1;
  m->tell |= BL_TELL_SPENT;
}

/* 1 when it has the task now. One that cannot take it is told by its link, or
 * its end, what is wrong with it. */
static int give(struct bl_pool *p, struct bl_member *m, struct bl_task *t) {
  int r = send_share(p, m, t->share);
  if (r == 0) r = send_task(m, t);
  if (r == 0) {
    hook(p, m, t);
    note_spent(m);
    return 1;
  }
  if (r == BL_EBADFRAME) bl_member_kill(m, BL_POOL_RUBBISH);
  m->crowded = 1;
  return 0;
}

static struct bl_member *take_idle(struct bl_pool *p) {
  while (p->n_idle > 0) {
    struct bl_member *m = p->members[p->idle[--p->n_idle]];
    m->listed = 0;
    if (m->load == 0 && is_open(m)) return m;
  }
  return NULL;
}

static struct bl_member *pick(struct bl_pool *p) {
  struct bl_member *best = take_idle(p);
  if (best) return best;
  int met = 0;
  for (int i = 0; i < p->n && met < CANDIDATES; i++) {
    p->dealt = (p->dealt + 1) % p->n;
    struct bl_member *m = p->members[p->dealt];
    if (!m || !is_open(m)) continue;
    met++;
    if (!best || m->load < best->load) best = m;
  }
  return best;
}

void bl_pool_pump(struct bl_pool *p) {
  while (p->backlog > 0) {
    struct bl_member *m = pick(p);
    struct bl_task *t = p->head;
    if (!m) return;
    take_out(p, t);
    if (!give(p, m, t)) bl_pool_put_back(p, t);
  }
}

/* ---- a member with nothing to do ---- */

/* One that has more than it does right now. */
static struct bl_member *busiest(const struct bl_pool *p) {
  struct bl_member *found = NULL;
  for (int i = 0; i < p->n; i++) {
    struct bl_member *m = p->members[i];
    if (m && m->load > (found ? found->load : 1)) found = m;
  }
  return found;
}

/* Many at a time, lest each wakes a worker that has done all it had. */
static void feed(struct bl_pool *p, struct bl_member *m) {
  if (m->load > BL_POOL_LOW) return;
  while (p->backlog > 0 && is_open(m)) {
    struct bl_task *t = p->head;
    take_out(p, t);
    if (!give(p, m, t)) bl_pool_put_back(p, t);
  }
}

static void let_go(struct bl_member *m) {
  struct bl_link_down head = {.kind = BL_LINK_LEAVE};
  if (m->left) return;
  m->left = send(m, &head, NULL, 0, NULL, 0) == 0;
  m->crowded = !m->left;
}

static void be_idle(struct bl_pool *p, struct bl_member *m) {
  if (m->retired || m->spent) let_go(m);
  if (!is_open(m)) return;
  if (p->underway > (size_t)p->busy) {
    struct bl_member *other = busiest(p);
    if (other) take_back_some(p, other, other->load / 2);
    feed(p, m);
    if (p->backlog > 0) bl_pool_pump(p);
  }
  if (m->load > 0 || m->listed) return;
  m->listed = 1;
  p->idle[p->n_idle++] = m->index;
}

void bl_member_freed(struct bl_pool *p, struct bl_member *m) {
  m->crowded = 0;
  feed(p, m);
  if (m->load == 0) be_idle(p, m);
}

void bl_pool_retry(struct bl_pool *p) {
  for (int i = 0; i < p->n; i++)
    if (p->members[i] && p->members[i]->crowded)
      bl_member_freed(p, p->members[i]);
  bl_pool_pump(p);
}

/* ---- what the user asks for ---- */

void bl_pool_end_task(struct bl_pool *p, struct bl_task *t) {
  struct bl_share *s = &p->shares[t->share];
  if (t->share && --s->tasks == 0 && s->dropped) {
    free(s->bytes);
    *s = (struct bl_share){0};
  }
  bl_tickets_end(&p->tickets, t);
}

int bl_pool_submit(struct bl_pool *p, const struct bl_pool_task *task,
                   uint64_t *ticket) {
  struct bl_task *t;
  if (task->nfds > BL_PACKET_FDS) return BL_ETOOBIG;
  int r = bl_task_new(task->parts, task->n, task->fds, task->nfds, &t);
  if (r < 0) return r;
  r = bl_tickets_add(&p->tickets, t);
  if (r < 0) {
    bl_task_free(t);
    return r;
  }
  t->soft_ns = task->soft_ns;
  t->hard_ns = task->hard_ns;
  t->mode = task->mode;
  t->share = task->share;
  t->attempts = task->attempts;
  t->tell = task->tell;
  p->shares[t->share].tasks++;
  *ticket = t->ticket;
  struct bl_member *m = p->backlog == 0 ? pick(p) : NULL;
  if (!m || !give(p, m, t)) append(p, t);
  return 0;
}

int bl_pool_cancel(struct bl_pool *p, uint64_t ticket) {
  struct bl_task *t = bl_tickets_find(&p->tickets, ticket);
  if (!t) return 0;
  struct bl_member *m = t->worker >= 0 ? p->members[t->worker] : NULL;
  if (m && !take_back(p, m, t)) return 0;
  if (!m) take_out(p, t);
  bl_pool_end_task(p, t);
  if (m) bl_member_freed(p, m);
  return 1;
}

int bl_pool_terminate(struct bl_pool *p, uint64_t ticket, int signo) {
  struct bl_task *t = bl_tickets_find(&p->tickets, ticket);
  if (!t || t->worker < 0) return 0;
  struct bl_member *m = p->members[t->worker];
  int64_t since;
  if (!bl_desk_doom(&m->link, t->number) && /* or it was, by another signal */
      bl_desk_look(&m->link, t->number, &since) != BL_DESK_DOOMED)
    return 0;
  if (!m->why) m->why = BL_POOL_TERMINATED;
  bl_process_signal(m->process, signo > 0 ? signo : SIGKILL);
  return 1;
}

int bl_pool_started(const struct bl_pool *p, uint64_t ticket,
                    int64_t *since_ns) {
  struct bl_task *t = bl_tickets_find(&p->tickets, ticket);
  if (!t || t->worker < 0) return -1;
  enum bl_desk_state state =
      bl_desk_look(&p->members[t->worker]->link, t->number, since_ns);
  return state == BL_DESK_FREE || state == BL_DESK_QUEUED ? -1 : t->worker;
}

void bl_pool_retire(struct bl_pool *p, int worker) {
  struct bl_member *m = bl_pool_member(p, worker);
  if (!m || m->retired || m->buried) return;
  m->retired = 1;
  bl_member_take_back(p, m);
  bl_member_freed(p, m);
  bl_pool_pump(p);
}

/* ---- shares ---- */

int bl_pool_share(struct bl_pool *p, const char *bytes, size_t size) {
  for (int i = 1; i <= BL_POOL_SHARES; i++) {
    struct bl_share *s = &p->shares[i];
    if (s->bytes) continue;
    s->bytes = malloc(size > 0 ? size : 1);
    if (!s->bytes) return 0;
    memcpy(s->bytes, bytes, size);
    s->size = size;
    for (int w = 0; w < p->n; w++)
      if (p->members[w])
        p->members[w]->knows[i / 8] &= (unsigned char)~(1u << i % 8);
    return i;
  }
  return 0;
}

void bl_pool_unshare(struct bl_pool *p, int share) {
  struct bl_share *s = &p->shares[share];
  s->dropped = 1;
  if (s->tasks > 0) return;
  free(s->bytes);
  *s = (struct bl_share){0};
}
