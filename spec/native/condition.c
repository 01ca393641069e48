/* SPDX-License-Identifier: MIT */
#include "runtime/condition.h"

#include <signal.h>

#include "runtime/shm.h"
#include "spec/native/check.h"

/* A latch and a condition in memory of their own. */
static struct bl_shm latch_memory, memory;
static struct bl_latch *latch;
static struct bl_condition *condition;

static int open_condition(void) {
  size_t size = bl_condition_size();
  int r = bl_shm_new(&latch_memory, "test", sizeof *latch, sizeof *latch);
  if (r == 0) r = bl_shm_new(&memory, "test", size, size);
  latch = latch_memory.at;
  condition = memory.at;
  return CHECK_INT(r, 0) &&
         CHECK_INT(bl_latch_init(latch, BL_LATCH_PLAIN), 0) &&
         CHECK_INT(bl_condition_init(condition), 0);
}

static void drop(void) {
  bl_shm_drop(&latch_memory);
  bl_shm_drop(&memory);
}

static int wait_at(int place, int64_t deadline_ns) {
  return bl_condition_wait(condition, place, latch, bl_latch_deaths(latch),
                           deadline_ns);
}

static void notifies_in_order(void) {
  int places[3];
  NEED(open_condition());
  CHECK_INT(bl_condition_notify(condition, 1), 0);
  for (int i = 0; i < 3; i++) places[i] = bl_condition_enter(condition);
  CHECK_INT(bl_condition_is_used(condition), 1);
  CHECK_INT(wait_at(places[0], 0), BL_ETIMEOUT);
  CHECK_INT(bl_condition_notify(condition, 2), 2);
  CHECK_INT(wait_at(places[0], BL_FOREVER), 0);
  CHECK_INT(wait_at(places[1], BL_FOREVER), 0);
  CHECK_INT(wait_at(places[2], 0), BL_ETIMEOUT);
  CHECK_INT(bl_condition_leave(condition, places[0]), 1);
  places[0] = bl_condition_enter(condition); /* is the youngest now */
  CHECK_INT(bl_condition_notify(condition, 1), 1);
  CHECK_INT(wait_at(places[0], 0), BL_ETIMEOUT);
  CHECK_INT(wait_at(places[2], 0), 0);
  CHECK_INT(bl_condition_notify(condition, BL_CONDITION_ALL), 1);
  for (int i = 0; i < 3; i++)
    CHECK_INT(bl_condition_leave(condition, places[i]), 1);
  CHECK_INT(bl_condition_leave(condition, places[0]), 0);
  CHECK_INT(bl_condition_is_used(condition), 0);
  drop();
}

static int enter_and_end(void) { return bl_condition_enter(condition) < 0; }

static void passes_over_the_dead(void) {
  NEED(open_condition());
  CHECK_INT(check_in_child(enter_and_end), 0);
  int place = bl_condition_enter(condition);
  CHECK_INT(bl_condition_notify(condition, 1), 1);
  CHECK_INT(wait_at(place, 0), 0);
  CHECK_INT(bl_condition_leave(condition, place), 1);
  drop();
}

static void waiter(void) {
  bl_condition_enter(condition);
  for (;;) pause();
}

static void passes_on_from_the_dead(void) {
  NEED(open_condition());
  pid_t pid = fork();
  if (pid == 0) waiter();
  int64_t deadline_ns = CHECK_DEADLINE;
  while (bl_condition_notify(condition, 1) == 0 && bl_now_ns() < deadline_ns)
    continue; /* it is not there yet */
  int place = bl_condition_enter(condition);
  CHECK_INT(wait_at(place, 0), BL_ETIMEOUT);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  CHECK_INT(wait_at(place, CHECK_DEADLINE), 0);
  CHECK_INT(bl_condition_leave(condition, place), 1);
  drop();
}

static int take_and_end(void) { return bl_latch_take(latch, NULL, CHECK_DEADLINE); }

static void ends_with_a_holder(void) {
  NEED(open_condition());
  int place = bl_condition_enter(condition);
  uint32_t deaths = bl_latch_deaths(latch);
  CHECK_INT(check_in_child(take_and_end), 0);
  CHECK_INT(bl_condition_wait(condition, place, latch, deaths, BL_FOREVER), 0);
  CHECK_INT(bl_condition_leave(condition, place), 0); /* nobody notified */
  CHECK_INT(bl_latch_try(latch, NULL), BL_MUTEX_INHERITED);
  CHECK_INT(bl_latch_give(latch), 0);
  drop();
}

static void has_room_after_deaths(void) {
  NEED(open_condition());
  int first = bl_condition_enter(condition), place = first, n = 1;
  while ((place = bl_condition_enter(condition)) >= 0) n++;
  CHECK_INT(n, BL_CONDITION_WAITERS);
  CHECK_INT(place, -EAGAIN);
  bl_condition_leave(condition, first);
  CHECK_INT(check_in_child(enter_and_end), 0);
  CHECK_INT(bl_condition_enter(condition), first);
  for (int i = 0; i < BL_CONDITION_WAITERS; i++)
    bl_condition_leave(condition, i);
  drop();
}

CHECK_MAIN({"those are notified that have waited longest", notifies_in_order},
           {"a dead waiter is passed over", passes_over_the_dead},
           {"one that dies notified passes it on", passes_on_from_the_dead},
           {"a wait ends when a holder of the latch dies",
            ends_with_a_holder},
           {"the dead take no room", has_room_after_deaths})
