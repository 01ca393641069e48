/* SPDX-License-Identifier: MIT */
#include "runtime/clock.h"

#include <time.h>

int64_t bl_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * BL_SECOND_NS + t.tv_nsec;
}

int64_t bl_deadline_ns(int64_t timeout_ns) {
  int64_t now = bl_now_ns();
  if (timeout_ns >= BL_FOREVER - now) return BL_FOREVER;
  return timeout_ns <= 0 ? now : now + timeout_ns;
}
