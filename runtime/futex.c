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
  if (bl_interrupt_peek() != BL_INTERRUPT_NONE) return BL_ETERMINATED;
  if (*word != seen) return 0;
  int64_t left = BL_FUTEX_SLICE_NS, now = bl_now_ns();
  if (now >= deadline_ns) return BL_ETIMEOUT;
  if (deadline_ns - now < left) left = deadline_ns - now;
  if (bl_futex_sleep(word, seen, left) != -EINTR) return 0;
  return bl_interrupt_peek() != BL_INTERRUPT_NONE ? BL_ETERMINATED : BL_EINTR;
}

void bl_futex_wake(const _Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
