/* SPDX-License-Identifier: MIT */
/* What comes from workers, and what their ends mean for their tasks.
 *
 * What a worker wrote before it died is read first. Then the desk tells which
 * task it had started: that one is lost, unless it may be done again; what it
 * had not started goes back to where it came from. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "runtime/pool_impl.h"

static int tell(struct bl_pool_event *e, enum bl_pool_kind kind,
                const struct bl_member *m) {
  *e = (struct bl_pool_event){
      .kind = kind, .worker = m->index, .process = m->process};
  return 1;
}

/* ---- messages; 1: there is an event, and the message is held ---- */

static int on_up(struct bl_pool *p, struct bl_member *m,
                 const struct bl_link_up *head, struct bl_pool_event *e) {
  if (m->up) return BL_EBADFRAME;
  tell(e, BL_POOL_UP, m);
  e->status = head->status;
  if (head->status != 0) return 1;
  m->up = 1;
  bl_member_freed(p, m);
  return 1;
}

static int on_started(struct bl_member *m, const struct bl_link_up *head,
                      struct bl_pool_event *e) {
  struct bl_task *t = bl_member_task(m, head->number);
  if (!t) return BL_EBADFRAME;
  tell(e, BL_POOL_STARTED, m);
  e->ticket = t->ticket;
  bl_desk_look(&m->link, t->number, &e->since_ns);
  return 1;
}

static int on_result(struct bl_pool *p, struct bl_member *m,
                     const struct bl_link_up *head, struct bl_pool_event *e) {
  struct bl_task *t = bl_member_task(m, head->number);
  if (!t || bl_desk_take(&m->link, t->number)) return BL_EBADFRAME;
  tell(e, BL_POOL_RESULT, m);
  e->ticket = t->ticket;
  e->status = head->status;
  e->flags = head->flags;
  bl_desk_look(&m->link, t->number, &e->since_ns);
  m->done++;
  if (head->flags & BL_LINK_FULL && !m->full_told) {
    m->full_told = 1;
    m->tell |= BL_TELL_FULL;
  }
  bl_member_unhook(p, m, t);
  bl_pool_end_task(p, t);
  bl_member_freed(p, m);
  return 1;
}

static int take_in(struct bl_pool *p, struct bl_member *m,
                   struct bl_pool_event *e) {
  struct bl_link_up head;
  if (p->held.size < sizeof head) return BL_EBADFRAME;
  memcpy(&head, p->held.bytes, sizeof head);
  int r = BL_EBADFRAME;
  if (head.kind == BL_LINK_UP) r = on_up(p, m, &head, e);
  if (head.kind == BL_LINK_STARTED) r = on_started(m, &head, e);
  if (head.kind == BL_LINK_RESULT) r = on_result(p, m, &head, e);
  if (r < 0) return r;
  e->bytes = p->held.bytes + sizeof head;
  e->size = p->held.size - sizeof head;
  return r;
}

static int let_go_of_message(struct bl_pool *p) {
  if (p->holding) bl_message_drop(&p->held);
  p->holding = 0;
  return 0;
}

/* 1: an event; 0: nothing (more) to read; or an error that passes. */
static int hear(struct bl_pool *p, struct bl_member *m,
                struct bl_pool_event *e) {
  int r = bl_channel_receive(m->link.channel, &p->held, SIZE_MAX, 0);
  if (r == 0) {
    p->holding = 1;
    r = take_in(p, m, e);
  } else if (r == BL_ETIMEOUT) {
    m->look = 0;
    return 0;
  }
  if (r == BL_EBADFRAME) bl_member_kill(m, BL_POOL_RUBBISH);
  if (r != BL_EBADFRAME && r != BL_ECLOSED) return r;
  bl_member_ignore(p, m);
  return let_go_of_message(p);
}

/* ---- ends ---- */

/* The kernel killed it for its hard limit: nobody else had a reason that is
 * known, and its time was up. */
static int met_limit(const struct bl_member *m, const struct bl_task *t,
                     int64_t since_ns) {
  const struct bl_exit *exit = bl_process_exit(m->process);
  int killed = exit->how == BL_HOW_SIGNALED && exit->code == SIGKILL;
  return killed && t->hard_ns > 0 &&
         bl_process_ended_ns(m->process) >= since_ns + t->hard_ns;
}

static enum bl_pool_why why_lost(const struct bl_member *m,
                                 const struct bl_task *t, int64_t since_ns) {
  if (m->why) return m->why;
  return m->overdue || met_limit(m, t, since_ns) ? BL_POOL_LIMIT
                                                 : BL_POOL_DIED;
}

/* Was it never started, or may it be done again? */
static int is_saved(const struct bl_member *m, struct bl_task *t) {
  int64_t since;
  enum bl_desk_state state = bl_desk_look(&m->link, t->number, &since);
  int begun = state == BL_DESK_STARTED || state == BL_DESK_DONE ||
              state == BL_DESK_DOOMED;
  if (!begun) return 1;
  if (t->attempts <= 1 || why_lost(m, t, since) != BL_POOL_DIED) return 0;
  t->attempts--;
  t->soft_told = 0;
  return 1;
}

static void bury(struct bl_pool *p, struct bl_member *m) {
  if (bl_process_poll(m->process) == 0) {
    m->ended = 0;
    return;
  }
  for (uint64_t n = m->next; n >= m->first; n--) {
    struct bl_task *t = bl_member_task(m, n);
    if (!t || !is_saved(m, t)) continue;
    bl_member_unhook(p, m, t);
    bl_pool_put_back(p, t);
  }
  m->buried = 1;
  bl_member_ignore(p, m);
  bl_pool_pump(p);
}

/* One task that was lost; or, when there is none left, the end itself, with
 * which the member is forgotten. */
static int mourn(struct bl_pool *p, struct bl_member *m,
                 struct bl_pool_event *e) {
  for (uint64_t n = m->first; n <= m->next; n++) {
    struct bl_task *t = bl_member_task(m, n);
    if (!t) continue;
    tell(e, BL_POOL_LOST, m);
    e->ticket = t->ticket;
    bl_desk_look(&m->link, n, &e->since_ns);
    e->why = why_lost(m, t, e->since_ns);
    e->exit = bl_process_exit(m->process);
    bl_member_unhook(p, m, t);
    bl_pool_end_task(p, t);
    return 1;
  }
  tell(e, BL_POOL_GONE, m);
  e->why = m->why;
  e->exit = bl_process_exit(m->process);
  e->done = m->done;
  bl_member_remove(p, m);
  return 1;
}

/* ---- events ---- */

static int tell_soft(struct bl_member *m, struct bl_pool_event *e) {
  struct bl_task *t = bl_member_started(m, &e->since_ns);
  if (!t || t->soft_told) return 0;
  t->soft_told = 1;
  tell(e, BL_POOL_SOFT, m);
  e->ticket = t->ticket;
  return 1;
}

static int tell_flag(struct bl_member *m, struct bl_pool_event *e) {
  unsigned flag = m->tell & -m->tell;
  m->tell &= ~flag;
  if (flag == BL_TELL_SOFT) return tell_soft(m, e);
  return tell(e, flag == BL_TELL_FULL ? BL_POOL_FULL : BL_POOL_SPENT, m);
}

static int visit(struct bl_pool *p, struct bl_member *m,
                 struct bl_pool_event *e) {
  int r = 0;
  while (m->tell && r == 0) r = tell_flag(m, e);
  if (r == 0 && !m->buried && !m->deaf &&
      (m->look || m->ended || bl_channel_holds(m->link.channel)))
    r = hear(p, m, e);
  if (r == 0 && m->ended && !m->buried) bury(p, m);
  if (r == 0 && m->buried) r = mourn(p, m, e);
  return r;
}

int bl_pool_next(struct bl_pool *p, struct bl_pool_event *e) {
  let_go_of_message(p);
  for (int i = 0; i < p->n; i++) {
    struct bl_member *m = p->members[p->turn % p->n];
    int r = m ? visit(p, m, e) : 0;
    if (r > 0) return r; /* it may have more */
    p->turn = (p->turn + 1) % p->n;
    if (r < 0) return r;
  }
  return 0;
}
