/* SPDX-License-Identifier: MIT */
#include "runtime/mutex.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/pause.h"

enum {
  SPINS = 100,   /* tries: about as long as what is done under a mutex */
  SLICE_MS = 100, /* of a real wait */
  VISIT_MS = 20  /* for somebody to leave, if he is not stopped */
};

int bl_mutex_init(struct bl_mutex *m) {
  pthread_mutexattr_t how;
  int r = pthread_mutexattr_init(&how);
  if (r != 0) return -r;
  pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_settype(&how, PTHREAD_MUTEX_ERRORCHECK);
  r = pthread_mutex_init(&m->native, &how);
  pthread_mutexattr_destroy(&how);
  return -r;
}

int bl_mutex_judge(struct bl_mutex *m, int r) {
  if (r == 0) return BL_MUTEX_TAKEN;
  if (r == EDEADLK) return BL_EDEADLOCK;
  if (r != EOWNERDEAD) return -r;
  pthread_mutex_consistent(&m->native);
  return BL_MUTEX_INHERITED;
}

static int spin(struct bl_mutex *m) {
  int r = bl_mutex_try(m);
  for (int i = 0; i < SPINS && r == -EBUSY; i++) {
    bl_pause();
    r = bl_mutex_try(m);
  }
  return r;
}

static int sleep_until(struct bl_mutex *m, int64_t until_ns) {
  struct timespec t = {.tv_sec = (time_t)(until_ns / BL_SECOND_NS),
                       .tv_nsec = (long)(until_ns % BL_SECOND_NS)};
  int r = pthread_mutex_clocklock(&m->native, CLOCK_MONOTONIC, &t);
  return bl_mutex_judge(m, r);
}

int bl_mutex_take(struct bl_mutex *m, int64_t deadline_ns) {
  int r = deadline_ns > 0 ? spin(m) : bl_mutex_try(m);
  while (r == -EBUSY || r == -ETIMEDOUT) {
    if (bl_interrupt_peek() != BL_INTERRUPT_NONE) return BL_ETERMINATED;
    if (r == -ETIMEDOUT && bl_now_ns() >= deadline_ns) return BL_ETIMEOUT;
    int64_t slice_ns = bl_deadline_ns(SLICE_MS * BL_MILLISECOND_NS);
    r = sleep_until(m, slice_ns < deadline_ns ? slice_ns : deadline_ns);
  }
  return r;
}

int bl_mutex_visit(struct bl_mutex *m, int64_t deadline_ns) {
  int r = spin(m);
  if (r != -EBUSY) return r;
  int64_t least_ns = bl_deadline_ns(VISIT_MS * BL_MILLISECOND_NS);
  return bl_mutex_take(m, deadline_ns < least_ns ? least_ns : deadline_ns);
}

int bl_mutex_insist(struct bl_mutex *m) {
  int r = spin(m);
  if (r != -EBUSY) return r;
  return bl_mutex_judge(m, pthread_mutex_lock(&m->native));
}

/* The word is the kernel's, which finds the holder in it when that dies; its
 * place in the library's mutex is glibc's. */
static uint32_t word(const struct bl_mutex *m) {
  return (uint32_t)__atomic_load_n(&m->native.__data.__lock, __ATOMIC_RELAXED);
}

pid_t bl_mutex_holder(const struct bl_mutex *m) {
  return (pid_t)(word(m) & FUTEX_TID_MASK);
}

int bl_mutex_is_left(const struct bl_mutex *m) {
  uint32_t now = word(m);
  return (now & FUTEX_OWNER_DIED) && !(now & FUTEX_TID_MASK);
}
