/* SPDX-License-Identifier: MIT */
#include "runtime/roster.h"

#include <signal.h>

#include "runtime/shm.h"
#include "spec/native/check.h"

enum { PLACES = 3 };

static struct bl_shm memory;
static struct bl_roster *roster;

static int open_roster(void) {
  size_t size = bl_roster_size(PLACES);
  int r = bl_shm_new(&memory, "test", size, size);
  roster = memory.at;
  if (r == 0) bl_roster_init(roster, PLACES);
  return CHECK_INT(r, 0);
}

static int enrol_and_end(void) { return bl_roster_enrol(roster); }

/* 0: the parent's place is neither ours nor dead, and stays. */
static int meddle(void) {
  int wrong = bl_roster_is_mine(roster, 0) + bl_roster_has_mine(roster) +
              bl_roster_is_dead(roster, 0);
  bl_roster_leave(roster, 0);
  return wrong + !roster->places[0].is_taken;
}

static void gives_places(void) {
  NEED(open_roster());
  for (int i = 0; i < PLACES; i++) CHECK_INT(bl_roster_enrol(roster), i);
  CHECK_INT(bl_roster_enrol(roster), -EAGAIN);
  roster->places[1].word = 7;
  bl_roster_leave(roster, 1);
  CHECK_INT(bl_roster_enrol(roster), 1);
  CHECK_INT(roster->places[1].word, 0);
  for (int i = 0; i < PLACES; i++) {
    CHECK_INT(bl_roster_is_mine(roster, i), 1);
    CHECK_INT(bl_roster_is_dead(roster, i), 0);
    bl_roster_leave(roster, i);
  }
  CHECK_INT(bl_roster_has_mine(roster), 0);
  bl_shm_drop(&memory);
}

static void is_not_the_forks(void) {
  NEED(open_roster());
  CHECK_INT(bl_roster_enrol(roster), 0);
  CHECK_INT(check_in_child(meddle), 0);
  CHECK_INT(bl_roster_is_mine(roster, 0), 1);
  bl_roster_leave(roster, 0);
  bl_shm_drop(&memory);
}

static void knows_the_dead(void) {
  NEED(open_roster());
  CHECK_INT(check_in_child(enrol_and_end), 0);
  CHECK_INT(bl_roster_is_dead(roster, 0), 1);
  CHECK_INT(bl_roster_is_dead(roster, 0), 1); /* until it is struck */
  CHECK_INT(bl_roster_enrol(roster), 1);      /* its owner decides */
  bl_roster_strike(roster, 0);
  CHECK_INT(bl_roster_is_dead(roster, 0), 0);
  CHECK_INT(bl_roster_enrol(roster), 0);
  bl_roster_leave(roster, 0);
  bl_roster_leave(roster, 1);
  bl_shm_drop(&memory);
}

CHECK_MAIN({"a roster has so many places, used again", gives_places},
           {"a place is not the forked child's", is_not_the_forks},
           {"the place of one that died stays until it is struck",
            knows_the_dead})
