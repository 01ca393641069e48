/* SPDX-License-Identifier: MIT */
#include "runtime/permits.h"

#include <errno.h>

#include "runtime/futex.h"
#include "runtime/mutex.h"
#include "runtime/roster.h"

struct bl_permits {
  struct bl_mutex guard;
  uint32_t bound;
  uint32_t taken;          /* the sum over all places */
  uint32_t sleepers;       /* since the bell was rung; dead ones too */
  _Atomic uint32_t bell;   /* rung by who gives */
  struct bl_roster roster; /* word: how many its owner has */
};

static uint32_t holders(uint32_t bound) {
  return bound < BL_PERMITS_HOLDERS ? bound : BL_PERMITS_HOLDERS;
}

size_t bl_permits_size(uint32_t bound) {
  return offsetof(struct bl_permits, roster) + bl_roster_size(holders(bound));
}

int bl_permits_init(struct bl_permits *p, uint32_t bound) {
  p->bound = bound;
  bl_roster_init(&p->roster, holders(bound));
  return bl_mutex_init(&p->guard);
}

/* Strikes the dead from the ledger, and adds it up. */
static void audit(struct bl_permits *p) {
  uint32_t taken = 0;
  for (int i = 0; i < (int)p->roster.used; i++) {
    if (bl_roster_is_dead(&p->roster, i)) bl_roster_strike(&p->roster, i);
    if (p->roster.places[i].is_taken) taken += p->roster.places[i].word;
  }
  p->taken = taken;
}

/* The guard is ours; what the one before left half done is put right. */
static int entered(struct bl_permits *p, int r) {
  if (r == BL_MUTEX_INHERITED) audit(p);
  return r < 0 ? r : 0;
}

static int enter(struct bl_permits *p) {
  return entered(p, bl_mutex_insist(&p->guard));
}

static int is_mine(const struct bl_permits *p, int place) {
  return place != BL_PERMITS_NONE && bl_roster_is_mine(&p->roster, place);
}

/* Puts one down on the place; -EAGAIN when there is none, or no place. */
static int grant(struct bl_permits *p, int *place) {
  if (p->taken >= p->bound) return -EAGAIN;
  if (!is_mine(p, *place)) {
    int r = bl_roster_enrol(&p->roster);
    if (r < 0) return r;
    *place = r;
  }
  p->roster.places[*place].word++;
  p->taken++;
  return 0;
}

/* As take, without waiting. *seen is for sleeping, which is what is done next
 * unless the deadline is in no future. */
static int try(struct bl_permits *p, int *place, uint32_t *seen,
               int64_t deadline_ns) {
  int r = entered(p, bl_mutex_visit(&p->guard, deadline_ns));
  if (r < 0) return r;
  r = grant(p, place);
  if (r == -EAGAIN) {
    audit(p);
    r = grant(p, place);
  }
  if (r == -EAGAIN) {
    if (deadline_ns > 0) p->sleepers++;
    *seen = p->bell;
    r = BL_ETIMEOUT;
  }
  bl_mutex_give(&p->guard);
  return r;
}

int bl_permits_take(struct bl_permits *p, int *place, int64_t deadline_ns) {
  for (;;) {
    uint32_t seen = p->bell;
    int r = try(p, place, &seen, deadline_ns);
    if (r != BL_ETIMEOUT) return r;
    r = bl_futex_wait(&p->bell, seen, deadline_ns);
    if (r < 0) return r;
  }
}

/* n permits of the place are free again, and all who sleep look. */
static void give(struct bl_permits *p, int *place, uint32_t n) {
  struct bl_place *mine = &p->roster.places[*place];
  mine->word -= n;
  p->taken -= n;
  if (mine->word == 0) {
    bl_roster_leave(&p->roster, *place);
    *place = BL_PERMITS_NONE;
  }
  int wake = p->sleepers > 0;
  p->sleepers = 0;
  p->bell++;
  bl_mutex_give(&p->guard);
  if (wake) bl_futex_wake(&p->bell);
}

int bl_permits_give(struct bl_permits *p, int *place) {
  if (!is_mine(p, *place)) return -EPERM;
  int r = enter(p);
  if (r == 0) give(p, place, 1);
  return r;
}

void bl_permits_leave(struct bl_permits *p, int *place) {
  if (is_mine(p, *place) && enter(p) == 0)
    give(p, place, p->roster.places[*place].word);
}

uint32_t bl_permits_bound(const struct bl_permits *p) { return p->bound; }

uint32_t bl_permits_left(struct bl_permits *p) {
  if (enter(p) < 0) return 0;
  audit(p);
  uint32_t left = p->bound - p->taken;
  bl_mutex_give(&p->guard);
  return left;
}

uint32_t bl_permits_mine(const struct bl_permits *p, int place) {
  return is_mine(p, place) ? p->roster.places[place].word : 0;
}
