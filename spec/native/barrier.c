/* SPDX-License-Identifier: MIT */
#include "runtime/barrier.h"

#include <signal.h>

#include "runtime/clock.h"
#include "runtime/shm.h"
#include "spec/native/check.h"

static struct bl_shm memory;
static struct bl_barrier *barrier;

static int open_barrier(uint32_t parties) {
  size_t size = bl_barrier_size(parties);
  int r = bl_shm_new(&memory, "test", size, size);
  barrier = memory.at;
  return CHECK_INT(r, 0) &&
         CHECK_INT(bl_barrier_init(barrier, parties, BL_SECOND_NS), 0);
}

static int enter(uint32_t *index) {
  return bl_barrier_enter(barrier, index, CHECK_DEADLINE);
}

static void lets_all_go(void) {
  uint32_t first = 0, last = 0;
  NEED(open_barrier(2));
  CHECK_INT(bl_barrier_timeout(barrier), BL_SECOND_NS);
  int a = enter(&first);
  CHECK_INT(bl_barrier_waiting(barrier), 1);
  CHECK_INT(bl_barrier_wait(barrier, a, 0), BL_ETIMEOUT);
  int b = enter(&last);
  CHECK_INT(first * 10 + last, 12);
  bl_barrier_pass(barrier, b);
  CHECK_INT(bl_barrier_wait(barrier, a, BL_FOREVER), 0);
  CHECK_INT(bl_barrier_wait(barrier, b, BL_FOREVER), 0);
  int c = enter(&first); /* before the others have left */
  CHECK_INT(first, 1);
  bl_barrier_leave(barrier, a);
  bl_barrier_leave(barrier, b);
  CHECK_INT(bl_barrier_is_broken(barrier), 0);
  CHECK_INT(bl_barrier_waiting(barrier), 1);
  bl_barrier_leave(barrier, c); /* too early */
  CHECK_INT(bl_barrier_is_broken(barrier), 1);
  CHECK_INT(enter(&first), BL_EBROKEN);
  bl_barrier_reset(barrier);
  CHECK_INT(bl_barrier_is_broken(barrier), 0);
  bl_shm_drop(&memory);
}

static void breaks_for_all(void) {
  uint32_t index;
  NEED(open_barrier(3));
  int a = enter(&index), b = enter(&index);
  bl_barrier_reset(barrier);
  CHECK_INT(bl_barrier_wait(barrier, a, BL_FOREVER), BL_EBROKEN);
  bl_barrier_leave(barrier, a);
  CHECK_INT(bl_barrier_is_broken(barrier), 0);
  a = enter(&index);
  CHECK_INT(index, 1); /* of a new generation */
  bl_barrier_abort(barrier);
  CHECK_INT(bl_barrier_wait(barrier, a, BL_FOREVER), BL_EBROKEN);
  bl_barrier_leave(barrier, a);
  bl_barrier_leave(barrier, b);
  CHECK_INT(bl_barrier_is_used(barrier), 0);
  CHECK_INT(bl_barrier_is_broken(barrier), 1);
  bl_shm_drop(&memory);
}

static int enter_and_end(void) {
  uint32_t index;
  return enter(&index) < 0;
}

static void breaks_by_a_death(void) {
  uint32_t index;
  NEED(open_barrier(3));
  int a = enter(&index);
  CHECK_INT(check_in_child(enter_and_end), 0);
  CHECK_INT(bl_barrier_wait(barrier, a, CHECK_DEADLINE), BL_EBROKEN);
  bl_barrier_leave(barrier, a);
  bl_barrier_reset(barrier);
  CHECK_INT(check_in_child(enter_and_end), 0);
  a = enter(&index);
  int b = enter(&index);
  CHECK_INT(index, 3);
  bl_barrier_pass(barrier, b); /* the last sees that one is gone */
  CHECK_INT(bl_barrier_wait(barrier, b, 0), BL_EBROKEN);
  bl_barrier_leave(barrier, a);
  bl_barrier_leave(barrier, b);
  bl_shm_drop(&memory);
}

static void waits_for_room(void) {
  uint32_t index;
  NEED(open_barrier(1));
  int a = enter(&index); /* full, until it passes */
  CHECK_INT(bl_barrier_enter(barrier, &index, 0), BL_ETIMEOUT);
  CHECK_INT(bl_barrier_enter(barrier, &index,
                             bl_deadline_ns(5 * BL_MILLISECOND_NS)),
            BL_ETIMEOUT);
  bl_barrier_pass(barrier, a);
  CHECK_INT(bl_barrier_wait(barrier, a, 0), 0);
  bl_barrier_leave(barrier, a);
  a = enter(&index);
  CHECK(a >= 0);
  bl_barrier_pass(barrier, a);
  bl_barrier_leave(barrier, a);
  CHECK_INT(bl_barrier_is_broken(barrier), 0);
  bl_shm_drop(&memory);
}

CHECK_MAIN({"all go when the last has come", lets_all_go},
           {"it breaks for all, and can be reset", breaks_for_all},
           {"a death breaks it", breaks_by_a_death},
           {"who comes too early waits for room", waits_for_room})
