/* SPDX-License-Identifier: MIT */
#include "runtime/semaphore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "runtime/fd.h"
#include "runtime/poll.h"

int bl_semaphore_open(unsigned n) {
  int flags = EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE;
  return bl_fd_above_stdio(eventfd(n, flags));
}

int bl_semaphore_try(int fd) {
  uint64_t one;
  ssize_t n = bl_fd_read(fd, &one, sizeof one);
  if (n == -EAGAIN) return BL_ETIMEOUT;
  return n < 0 ? (int)n : 0;
}

int bl_semaphore_take(int fd, int64_t deadline_ns) {
  for (;;) {
    int r = bl_semaphore_try(fd);
    if (r != BL_ETIMEOUT) return r;
    r = bl_poll_one(fd, POLLIN, deadline_ns);
    if (r <= 0) return r < 0 ? r : BL_ETIMEOUT;
  }
}

int bl_semaphore_give(int fd) {
  uint64_t one = 1;
  ssize_t n = bl_fd_write(fd, &one, sizeof one);
  return n < 0 ? (int)n : 0;
}

/* The kernel shows it there, in hexadecimal, and nowhere else. */
int64_t bl_semaphore_value(int fd) {
  char path[32], text[256];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  int info = bl_fd_open(path, O_RDONLY, 0);
  if (info < 0) return info;
  ssize_t n = bl_fd_read(info, text, sizeof text - 1);
  bl_fd_close(info);
  if (n < 0) return n;
  text[n] = '\0';
  const char *at = strstr(text, "eventfd-count:");
  return at ? strtoll(at + strlen("eventfd-count:"), NULL, 16) : -ENOSYS;
}
