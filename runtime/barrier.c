/* SPDX-License-Identifier: MIT */
#include "runtime/barrier.h"

#include <errno.h>

#include "runtime/futex.h"
#include "runtime/mutex.h"
#include "runtime/roster.h"

/* How a generation ends; what a place's word says then. */
enum outcome { WAITING = 0, PASSED, BROKEN, RESET };

struct bl_barrier {
  struct bl_mutex guard;
  int64_t timeout_ns;
  uint32_t parties;
  uint32_t arrived; /* of this generation */
  uint32_t is_broken;
  _Atomic uint32_t outcome;    /* not WAITING: this generation is ending */
  _Atomic uint32_t generation; /* all sleep on it */
  struct bl_roster roster;     /* ticket: the generation */
};

/* Those of before may still be on their way out while all are back. */
static size_t places(uint32_t parties) { return 2 * (size_t)parties; }

size_t bl_barrier_size(uint32_t parties) {
  return offsetof(struct bl_barrier, roster) + bl_roster_size(places(parties));
}

int bl_barrier_init(struct bl_barrier *b, uint32_t parties,
                    int64_t timeout_ns) {
  b->parties = parties;
  b->timeout_ns = timeout_ns;
  bl_roster_init(&b->roster, places(parties));
  return bl_mutex_init(&b->guard);
}

/* Is it somebody's who waits in this generation? */
static int waits(const struct bl_barrier *b, int place) {
  const struct bl_place *p = &b->roster.places[place];
  return p->is_taken && p->ticket == b->generation && p->word == WAITING;
}

/* Does what end() has begun; again for one that was killed in between. The
 * next generation is the last step, which makes it true. */
static void carry_out(struct bl_barrier *b) {
  for (int i = 0; i < (int)b->roster.used; i++)
    if (waits(b, i)) b->roster.places[i].word = b->outcome;
  b->is_broken = b->outcome == BROKEN;
  b->arrived = 0;
  b->outcome = WAITING;
  b->generation++;
  bl_futex_wake(&b->generation);
}

static void end(struct bl_barrier *b, enum outcome outcome) {
  b->outcome = outcome;
  carry_out(b);
}

static int enter(struct bl_barrier *b) {
  int r = bl_mutex_insist(&b->guard);
  if (r != BL_MUTEX_INHERITED) return r;
  if (b->outcome != WAITING) carry_out(b);
  uint32_t arrived = 0; /* who was here before may have miscounted */
  for (int i = 0; i < (int)b->roster.used; i++)
    arrived += (uint32_t)waits(b, i);
  b->arrived = arrived;
  return 0;
}

/* Breaks it when one who waits has died, and frees the places of the dead. */
static void look_for_dead(struct bl_barrier *b) {
  int lost = 0;
  for (int i = 0; i < (int)b->roster.used; i++) {
    if (!bl_roster_is_dead(&b->roster, i)) continue;
    lost |= waits(b, i);
    bl_roster_strike(&b->roster, i);
  }
  if (lost) end(b, BROKEN);
}

static int arrive(struct bl_barrier *b, uint32_t *index) {
  if (b->is_broken) return BL_EBROKEN;
  if (b->arrived == b->parties) return -EAGAIN;
  int place = bl_roster_enrol(&b->roster);
  if (place < 0) return place;
  b->roster.places[place].ticket = b->generation;
  *index = ++b->arrived;
  return place;
}

static int try_enter(struct bl_barrier *b, uint32_t *index) {
  int r = enter(b);
  if (r < 0) return r;
  r = arrive(b, index);
  if (r == -EAGAIN) {
    look_for_dead(b);
    r = arrive(b, index);
  }
  bl_mutex_give(&b->guard);
  return r;
}

int bl_barrier_enter(struct bl_barrier *b, uint32_t *index,
                     int64_t deadline_ns) {
  for (;;) {
    uint32_t seen = b->generation;
    int r = try_enter(b, index);
    if (r != -EAGAIN) return r;
    /* it may be places that are missing, of which no word tells */
    int64_t soon = bl_deadline_ns(BL_MILLISECOND_NS);
    r = bl_futex_wait(&b->generation, seen,
                      soon < deadline_ns ? soon : deadline_ns);
    if (r < 0) return r;
  }
}

void bl_barrier_pass(struct bl_barrier *b, int place) {
  if (enter(b) < 0) return;
  look_for_dead(b);
  if (waits(b, place)) end(b, PASSED);
  bl_mutex_give(&b->guard);
}

int bl_barrier_wait(struct bl_barrier *b, int place, int64_t deadline_ns) {
  const struct bl_place *p = &b->roster.places[place];
  uint32_t mine = (uint32_t)p->ticket;
  while (p->word == WAITING) {
    int r = bl_futex_wait(&b->generation, mine, deadline_ns);
    if (r < 0) return r;
    if (p->word != WAITING) break;
    if ((r = enter(b)) < 0) return r;
    look_for_dead(b);
    bl_mutex_give(&b->guard);
  }
  return p->word == PASSED ? 0 : BL_EBROKEN;
}

void bl_barrier_leave(struct bl_barrier *b, int place) {
  if (!bl_roster_is_mine(&b->roster, place) || enter(b) < 0) return;
  if (waits(b, place)) end(b, BROKEN);
  bl_roster_leave(&b->roster, place);
  bl_mutex_give(&b->guard);
}

void bl_barrier_abort(struct bl_barrier *b) {
  if (enter(b) < 0) return;
  end(b, BROKEN);
  bl_mutex_give(&b->guard);
}

void bl_barrier_reset(struct bl_barrier *b) {
  if (enter(b) < 0) return;
  end(b, RESET);
  bl_mutex_give(&b->guard);
}

uint32_t bl_barrier_parties(const struct bl_barrier *b) { return b->parties; }

int64_t bl_barrier_timeout(const struct bl_barrier *b) {
  return b->timeout_ns;
}

uint32_t bl_barrier_waiting(struct bl_barrier *b) {
  if (enter(b) < 0) return 0;
  look_for_dead(b);
  uint32_t n = b->arrived;
  bl_mutex_give(&b->guard);
  return n;
}

int bl_barrier_is_broken(struct bl_barrier *b) {
  if (enter(b) < 0) return 1;
  look_for_dead(b);
  int broken = (int)b->is_broken;
  bl_mutex_give(&b->guard);
  return broken;
}

int bl_barrier_is_used(const struct bl_barrier *b) {
  return bl_roster_has_mine(&b->roster);
}
