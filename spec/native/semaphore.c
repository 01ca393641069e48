/* SPDX-License-Identifier: MIT */
#include "runtime/semaphore.h"

#include "runtime/fd.h"
#include "spec/native/check.h"

static void counts(void) {
  int fd = bl_semaphore_open(2);
  NEED(fd > 2);
  CHECK_INT(bl_semaphore_value(fd), 2);
  CHECK_INT(bl_semaphore_take(fd, 0), 0);
  CHECK_INT(bl_semaphore_take(fd, CHECK_DEADLINE), 0);
  CHECK_INT(bl_semaphore_take(fd, 0), BL_ETIMEOUT);
  int64_t begun = bl_now_ns();
  CHECK_INT(bl_semaphore_take(fd, bl_deadline_ns(20 * BL_MILLISECOND_NS)),
            BL_ETIMEOUT);
  CHECK(bl_now_ns() - begun >= 20 * BL_MILLISECOND_NS);
  for (int i = 1; i <= 17; i++) {
    CHECK_INT(bl_semaphore_give(fd), 0);
    CHECK_INT(bl_semaphore_value(fd), i);
  }
  bl_fd_close(fd);
}

static void refuses_what_it_cannot_hold(void) {
  int fd = bl_semaphore_open(0);
  uint64_t most = UINT64_MAX - 1;
  NEED(bl_fd_write(fd, &most, sizeof most) == sizeof most);
  CHECK_INT(bl_semaphore_give(fd), -EAGAIN);
  CHECK_INT(bl_semaphore_take(fd, 0), 0);
  CHECK_INT(bl_semaphore_give(fd), 0);
  bl_fd_close(fd);
}

static void needs_a_descriptor(void) {
  CHECK_INT(bl_semaphore_take(-1, 0), -EBADF);
  CHECK_INT(bl_semaphore_give(-1), -EBADF);
  CHECK_INT(bl_semaphore_value(-1), -ENOENT);
}

CHECK_MAIN({"a semaphore counts, and waits while it is empty", counts},
           {"it refuses what it cannot hold", refuses_what_it_cannot_hold},
           {"what is none has no value", needs_a_descriptor})
