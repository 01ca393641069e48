/* SPDX-License-Identifier: MIT */
#include "runtime/permits.h"

#include <signal.h>

#include "runtime/shm.h"
#include "spec/native/check.h"

static struct bl_shm memory;
static struct bl_permits *permits;

static int open_permits(uint32_t bound) {
  size_t size = bl_permits_size(bound);
  int r = bl_shm_new(&memory, "test", size, size);
  permits = memory.at;
  return CHECK_INT(r, 0) && CHECK_INT(bl_permits_init(permits, bound), 0);
}

static int take(int *place, int64_t deadline_ns) {
  return bl_permits_take(permits, place, deadline_ns);
}

static int take_two_and_end(void) {
  int place = BL_PERMITS_NONE;
  return take(&place, 0) | take(&place, 0);
}

static void keeps_a_ledger(void) {
  int place = BL_PERMITS_NONE, other = BL_PERMITS_NONE;
  NEED(open_permits(3));
  CHECK_INT(bl_permits_give(permits, &place), -EPERM);
  CHECK_INT(take(&place, 0) | take(&place, 0) | take(&other, 0), 0);
  CHECK_INT(take(&place, 0), BL_ETIMEOUT);
  CHECK_INT(bl_permits_mine(permits, place), 2);
  CHECK_INT(bl_permits_left(permits), 0);
  CHECK_INT(bl_permits_give(permits, &place), 0);
  CHECK_INT(bl_permits_give(permits, &place), 0);
  CHECK_INT(bl_permits_give(permits, &place), -EPERM);
  CHECK_INT(bl_permits_left(permits), 2);
  bl_permits_leave(permits, &other);
  CHECK_INT(bl_permits_left(permits), 3);
  bl_shm_drop(&memory);
}

static void returns_what_the_dead_had(void) {
  int place = BL_PERMITS_NONE;
  NEED(open_permits(2));
  CHECK_INT(check_in_child(take_two_and_end), 0);
  CHECK_INT(take(&place, 0), 0);
  CHECK_INT(bl_permits_left(permits), 1);
  bl_permits_leave(permits, &place);
  bl_shm_drop(&memory);
}

/* Takes and gives until it is killed. */
static void work(void) {
  int place = BL_PERMITS_NONE;
  for (;;) {
    if (take(&place, BL_FOREVER) != 0) _exit(1);
    if (bl_permits_left(permits) > 1) _exit(2); /* of two we have one */
    if (bl_permits_give(permits, &place) != 0) _exit(3);
  }
}

static void survives_many_deaths(void) {
  enum { WORKERS = 4, KILLS = 400, BOUND = 2 };
  pid_t workers[WORKERS] = {0};
  NEED(open_permits(BOUND));
  for (int i = 0; i < KILLS + WORKERS; i++) {
    pid_t *w = &workers[i % WORKERS];
    int status = 0;
    if (*w) {
      kill(*w, SIGKILL);
      waitpid(*w, &status, 0);
      CHECK(WIFSIGNALED(status));
    }
    *w = i < KILLS ? fork() : 0;
    if (i < KILLS && *w == 0) work();
  }
  CHECK_INT(bl_permits_left(permits), BOUND);
  CHECK_INT(check_in_child(take_two_and_end), 0);
  CHECK_INT(bl_permits_left(permits), BOUND);
  bl_shm_drop(&memory);
}

CHECK_MAIN({"permits are on the account of who took them", keeps_a_ledger},
           {"those of the dead are free again", returns_what_the_dead_had},
           {"killing those who take and give loses none",
            survives_many_deaths})
