/* SPDX-License-Identifier: MIT */
/* How the members of a pool fare, and waiting for them. */
#include <signal.h>
#include <stdatomic.h>

#include "runtime/pool_impl.h"

void bl_pool_look(const struct bl_pool *p, int worker,
                  struct bl_pool_worker *w) {
  const struct bl_member *m = bl_pool_member(p, worker);
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
  struct bl_member *m = bl_pool_member(p, p->by_id[id]);
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
