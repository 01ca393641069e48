/* SPDX-License-Identifier: MIT */
#include "runtime/pidfd.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

int bl_pidfd_open(pid_t pid) {
  return bl_fd_above_stdio((int)syscall(SYS_pidfd_open, pid, 0));
}

int bl_pidfd_usable(void) {
  static atomic_int known; /* 0 not asked, 1 yes, 2 no */
  if (!known) {
    int fd = bl_pidfd_open(getpid());
    known = fd >= 0 || fd == -EMFILE || fd == -ENFILE ? 1 : 2;
    if (fd >= 0) bl_fd_close(fd);
  }
  return known == 1;
}

void bl_pidfd_take(struct bl_pidfd *h, int fd) {
  h->fd = fd;
  bl_fd_identify(fd, &h->id);
}
