/* SPDX-License-Identifier: MIT */
#include "runtime/bell.h"

#include <sys/eventfd.h>

#include "runtime/fd.h"

int bl_bell_open(void) {
  return bl_fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void bl_bell_ring(int bell) {
  uint64_t one = 1;
  bl_fd_write(bell, &one, sizeof one);
}

void bl_bell_clear(int bell) {
  uint64_t count;
  bl_fd_read(bell, &count, sizeof count);
}
