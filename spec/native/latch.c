/* SPDX-License-Identifier: MIT */
#include "runtime/latch.h"

#include <signal.h>

#include "runtime/shm.h"
#include "spec/native/check.h"

static struct bl_shm memory;
static struct bl_latch *latch;

static int open_latch(enum bl_latch_kind kind) {
  int r = bl_shm_new(&memory, "test", sizeof *latch, sizeof *latch);
  latch = memory.at;
  return CHECK_INT(r, 0) && CHECK_INT(bl_latch_init(latch, kind), 0);
}

static int take_and_end(void) {
  return bl_latch_take(latch, NULL, CHECK_DEADLINE);
}

static int try_in_child(void) {
  int r = bl_latch_try(latch, NULL);
  if (r < 0) return r == BL_ETIMEOUT ? 10 : 11;
  bl_latch_give(latch);
  return r;
}

static void is_taken_once(void) {
  NEED(open_latch(BL_LATCH_PLAIN));
  CHECK_INT(bl_latch_is_mine(latch), 0);
  CHECK_INT(bl_latch_try(latch, NULL), BL_MUTEX_TAKEN);
  CHECK_INT(bl_latch_is_mine(latch), 1);
  CHECK_INT(bl_latch_try(latch, NULL), BL_EDEADLOCK);
  CHECK_INT(check_in_child(try_in_child), 10);
  CHECK_INT(bl_latch_give(latch), 0);
  CHECK_INT(bl_latch_give(latch), -EPERM);
  CHECK_INT(check_in_child(try_in_child), BL_MUTEX_TAKEN);
  bl_shm_drop(&memory);
}

static void counts_its_holder(void) {
  NEED(open_latch(BL_LATCH_RECURSIVE));
  for (int i = 0; i < 3; i++) CHECK_INT(bl_latch_try(latch, NULL), BL_MUTEX_TAKEN);
  CHECK_INT(bl_latch_give(latch), 0);
  CHECK_INT(check_in_child(try_in_child), 10);
  CHECK_INT(bl_latch_drop(latch), 2);
  CHECK_INT(bl_latch_drop(latch), -EPERM);
  CHECK_INT(check_in_child(try_in_child), BL_MUTEX_TAKEN);
  CHECK_INT(bl_latch_insist(latch, NULL), BL_MUTEX_TAKEN);
  bl_latch_deepen(latch, 2);
  CHECK_INT(bl_latch_give(latch), 0);
  CHECK_INT(bl_latch_is_mine(latch), 1);
  CHECK_INT(bl_latch_give(latch), 0);
  CHECK_INT(bl_latch_give(latch), -EPERM);
  bl_shm_drop(&memory);
}

static void counts_deaths(void) {
  NEED(open_latch(BL_LATCH_RECURSIVE));
  CHECK_INT(bl_latch_deaths(latch), 0);
  CHECK_INT(check_in_child(take_and_end), 0);
  CHECK_INT(bl_latch_deaths(latch), 1); /* before anybody was told */
  CHECK_INT(check_in_child(try_in_child), BL_MUTEX_INHERITED);
  CHECK_INT(bl_latch_deaths(latch), 1);
  CHECK_INT(bl_latch_try(latch, NULL), BL_MUTEX_TAKEN);
  CHECK_INT(bl_latch_give(latch), 0);
  bl_shm_drop(&memory);
}

static void can_be_forsaken(void) {
  NEED(open_latch(BL_LATCH_PLAIN));
  int handle, other;
  bl_latch_forsake(latch, &handle); /* is not ours */
  CHECK_INT(bl_latch_try(latch, &handle), BL_MUTEX_TAKEN);
  bl_latch_forsake(latch, &other);
  CHECK_INT(bl_latch_is_mine(latch), 1);
  bl_latch_forsake(latch, &handle);
  CHECK_INT(bl_latch_is_mine(latch), 0);
  CHECK_INT(bl_latch_deaths(latch), 1);
  CHECK_INT(check_in_child(try_in_child), BL_MUTEX_INHERITED);
  CHECK_INT(bl_latch_try(latch, NULL), BL_MUTEX_TAKEN);
  CHECK_INT(bl_latch_give(latch), 0);
  bl_shm_drop(&memory);
}

CHECK_MAIN({"a plain latch is taken once", is_taken_once},
           {"a recursive one counts, and is dropped whole", counts_its_holder},
           {"deaths are counted, before and after the heir", counts_deaths},
           {"who forsakes it is as dead", can_be_forsaken})
