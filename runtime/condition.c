/* SPDX-License-Identifier: MIT */
#include "runtime/condition.h"

#include "runtime/futex.h"
#include "runtime/mutex.h"
#include "runtime/roster.h"

enum { WAITING = 1, NOTIFIED };

struct bl_condition {
  struct bl_mutex guard;
  uint64_t tickets;           /* how many were given out */
  _Atomic uint32_t notified;  /* places that are, and have not left */
  struct bl_roster roster;
};

size_t bl_condition_size(void) {
  return offsetof(struct bl_condition, roster) +
         bl_roster_size(BL_CONDITION_WAITERS);
}

int bl_condition_init(struct bl_condition *c) {
  bl_roster_init(&c->roster, BL_CONDITION_WAITERS);
  return bl_mutex_init(&c->guard);
}

static int is(const struct bl_condition *c, int place, uint32_t word) {
  const struct bl_place *p = &c->roster.places[place];
  return p->is_taken && p->word == word;
}

static int enter(struct bl_condition *c) {
  int r = bl_mutex_insist(&c->guard);
  if (r != BL_MUTEX_INHERITED) return r;
  uint32_t notified = 0; /* who was here before may have miscounted */
  for (int i = 0; i < (int)c->roster.used; i++)
    notified += (uint32_t)is(c, i, NOTIFIED);
  c->notified = notified;
  return 0;
}

/* The living one that has waited longest, or -1. */
static int oldest(struct bl_condition *c) {
  for (;;) {
    int found = -1;
    for (int i = 0; i < (int)c->roster.used; i++)
      if (is(c, i, WAITING) &&
          (found < 0 ||
           c->roster.places[i].ticket < c->roster.places[found].ticket))
        found = i;
    if (found < 0 || !bl_roster_is_dead(&c->roster, found)) return found;
    bl_roster_strike(&c->roster, found);
  }
}

static int notify(struct bl_condition *c, int n) {
  int done = 0, place;
  while (done < n && (place = oldest(c)) >= 0) {
    struct bl_place *p = &c->roster.places[place];
    c->notified++;
    p->word = NOTIFIED;
    bl_futex_wake(&p->word);
    done++;
  }
  return done;
}

/* Strikes the dead, and notifies others in place of those that were. */
static void pass_on(struct bl_condition *c) {
  int lost = 0;
  for (int i = 0; i < (int)c->roster.used; i++) {
    if (!bl_roster_is_dead(&c->roster, i)) continue;
    lost += is(c, i, NOTIFIED);
    bl_roster_strike(&c->roster, i);
  }
  c->notified -= (uint32_t)lost;
  notify(c, lost);
}

int bl_condition_enter(struct bl_condition *c) {
  int r = enter(c);
  if (r < 0) return r;
  int place = bl_roster_enrol(&c->roster);
  if (place < 0) {
    pass_on(c);
    place = bl_roster_enrol(&c->roster);
  }
  if (place >= 0) {
    c->roster.places[place].ticket = ++c->tickets;
    c->roster.places[place].word = WAITING;
  }
  bl_mutex_give(&c->guard);
  return place;
}

/* A place that is notified and not left may be a dead one's. */
static void look_for_dead(struct bl_condition *c) {
  if (c->notified == 0 || enter(c) < 0) return;
  pass_on(c);
  bl_mutex_give(&c->guard);
}

int bl_condition_wait(struct bl_condition *c, int place,
                      const struct bl_latch *latch, uint32_t deaths,
                      int64_t deadline_ns) {
  const struct bl_place *p = &c->roster.places[place];
  for (;;) {
    if (p->word == NOTIFIED || bl_latch_deaths(latch) != deaths) return 0;
    look_for_dead(c);
    int r = bl_futex_wait(&p->word, WAITING, deadline_ns);
    if (r < 0) return r;
  }
}

int bl_condition_leave(struct bl_condition *c, int place) {
  if (!bl_roster_is_mine(&c->roster, place)) return 0;
  int r = enter(c);
  if (r < 0) return r;
  int notified = is(c, place, NOTIFIED);
  if (notified) c->notified--;
  bl_roster_leave(&c->roster, place);
  bl_mutex_give(&c->guard);
  return notified;
}

int bl_condition_notify(struct bl_condition *c, int n) {
  int r = enter(c);
  if (r < 0) return r;
  r = notify(c, n);
  bl_mutex_give(&c->guard);
  return r;
}

int bl_condition_is_used(const struct bl_condition *c) {
  return bl_roster_has_mine(&c->roster);
}
