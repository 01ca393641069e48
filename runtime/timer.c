/* SPDX-License-Identifier: MIT */
/* By the system calls: timer_create() is not on the list of what a signal
 * handler may call, the kernel's own is. */
#include "runtime/timer.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/clock.h"

static struct timespec timespec_of(int64_t ns) {
  return (struct timespec){ns / BL_SECOND_NS, ns % BL_SECOND_NS};
}

static int make(struct bl_timer *t, const struct bl_timer_signal *signal) {
  struct sigevent event = {
      .sigev_signo = signal->signo,
      .sigev_value = {.sival_ptr = (void *)(intptr_t)signal->value},
      .sigev_notify = signal->thread ? SIGEV_THREAD_ID : SIGEV_SIGNAL};
  if (signal->thread) event._sigev_un._tid = gettid();
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &t->id) < 0)
    return -errno;
  t->made = 1;
  return 0;
}

static void set(struct bl_timer *t, int64_t at_ns, int64_t every_ns) {
  struct itimerspec when = {.it_value = timespec_of(at_ns),
                            .it_interval = timespec_of(every_ns)};
  syscall(SYS_timer_settime, t->id, TIMER_ABSTIME, &when, NULL);
}

int bl_timer_start(struct bl_timer *t, const struct bl_timer_signal *signal,
                   int64_t at_ns, int64_t every_ns) {
  int r = t->made ? 0 : make(t, signal);
  if (r < 0) return r;
  set(t, at_ns > 0 ? at_ns : 1, every_ns); /* 0 would stop it */
  return 0;
}

void bl_timer_stop(struct bl_timer *t) {
  if (t->made) set(t, 0, 0);
}
