/* SPDX-License-Identifier: MIT */
#include "runtime/roster.h"

#include <errno.h>

#include "runtime/self.h"

size_t bl_roster_size(size_t capacity) {
  return sizeof(struct bl_roster) + capacity * sizeof(struct bl_place);
}

void bl_roster_init(struct bl_roster *r, size_t capacity) {
  r->capacity = (uint32_t)capacity;
}

/* A place that nobody has, whose mutex is ours now. */
static int take_free(struct bl_roster *r) {
  for (uint32_t i = 0; i < r->used; i++)
    if (!r->places[i].is_taken && bl_mutex_try(&r->places[i].alive) >= 0)
      return (int)i;
  if (r->used == r->capacity) return -EAGAIN;
  struct bl_place *fresh = &r->places[r->used];
  int error = bl_mutex_init(&fresh->alive);
  if (error < 0) return error;
  bl_mutex_try(&fresh->alive);
  return (int)r->used++;
}

int bl_roster_enrol(struct bl_roster *r) {
  int place = take_free(r);
  if (place < 0) return place;
  struct bl_place *p = &r->places[place];
  p->word = 0;
  p->ticket = 0;
  p->is_taken = 1;
  return place;
}

int bl_roster_is_mine(const struct bl_roster *r, int place) {
  pid_t holder = bl_mutex_holder(&r->places[place].alive);
  return holder != 0 && holder == bl_self_tid();
}

int bl_roster_has_mine(const struct bl_roster *r) {
  for (uint32_t i = 0; i < r->used; i++)
    if (bl_roster_is_mine(r, (int)i)) return 1;
  return 0;
}

void bl_roster_leave(struct bl_roster *r, int place) {
  if (!bl_roster_is_mine(r, place)) return;
  r->places[place].is_taken = 0;
  bl_mutex_give(&r->places[place].alive);
}

int bl_roster_is_dead(struct bl_roster *r, int place) {
  struct bl_place *p = &r->places[place];
  if (!p->is_taken || bl_mutex_try(&p->alive) < 0) return 0;
  bl_mutex_give(&p->alive);
  return 1;
}

void bl_roster_strike(struct bl_roster *r, int place) {
  r->places[place].is_taken = 0;
}
