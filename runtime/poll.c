/* SPDX-License-Identifier: MIT */
#include "runtime/poll.h"

#include <errno.h>
#include <time.h>

#include "runtime/clock.h"
#include "runtime/interrupt.h"

/* ppoll takes what is left, and null for ever. */
static struct timespec *remaining(int64_t deadline_ns, struct timespec *t) {
  if (deadline_ns == BL_FOREVER) return NULL;
  int64_t left = deadline_ns - bl_now_ns();
  if (left < 0) left = 0;
  t->tv_sec = (time_t)(left / BL_SECOND_NS);
  t->tv_nsec = (long)(left % BL_SECOND_NS);
  return t;
}

int bl_poll(struct pollfd *fds, size_t n, int64_t deadline_ns) {
  int r = (int)bl_interrupt_peek();
  if (r < 0) return r;
  struct timespec left;
  r = ppoll(fds, n, remaining(deadline_ns, &left), NULL);
  if (r >= 0) return r;
  if (errno != EINTR) return -errno;
  /* A signal that came before ppoll slept is not lost: the request is sent
     again until it is taken (limit.c). */
  r = (int)bl_interrupt_peek();
  return r < 0 ? r : BL_EINTR;
}

int bl_poll_one(int fd, short events, int64_t deadline_ns) {
  struct pollfd p = {.fd = fd, .events = events};
  int r = bl_poll(&p, 1, deadline_ns);
  if (r > 0 && (p.revents & POLLNVAL)) return -EBADF;
  return r;
}
