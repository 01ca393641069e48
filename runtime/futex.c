/* SPDX-License-Identifier: MIT */
#include "runtime/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/interrupt.h"

int bl_futex_sleep(const _Atomic uint32_t *word, uint32_t seen, int64_t ns) {
  struct timespec t = {.tv_sec = (time_t)(ns / BL_SECOND_NS),
                       .tv_nsec = (long)(ns % BL_SECOND_NS)};
  long r = syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
  return r < 0 ? -errno : 0;
}

int bl_futex_wait(const _Atomic uint32_t *word, uint32_t seen,
                  int64_t deadline_ns) {
  int r = (int)bl_interrupt_peek();
  if (r < 0) return r;
  if (*word != seen) return 0;
  int64_t left = BL_FUTEX_SLICE_NS, now = bl_now_ns();
  if (now >= deadline_ns) return BL_ETIMEOUT;
  if (deadline_ns - now < left) left = deadline_ns - now;
  if (bl_futex_sleep(word, seen, left) != -EINTR) return 0;
  r = (int)bl_interrupt_peek();
  return r < 0 ? r : BL_EINTR;
}

void bl_futex_wake(const _Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
