/* SPDX-License-Identifier: MIT */
#include "runtime/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

int bl_fd_close(int fd) {
  if (fd == BL_FD_NONE) return fd;
  int saved = errno;
  close(fd);
  errno = saved;
  return BL_FD_NONE;
}

int bl_fd_above_stdio(int fd) {
  if (fd < 0) return -errno;
  if (fd > 2) return fd;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  int error = errno;
  close(fd);
  return high < 0 ? -error : high;
}

/* Both above 2, or none. */
static int above_stdio(const int raw[2], int ends[2]) {
  int first = bl_fd_above_stdio(raw[0]);
  int second = bl_fd_above_stdio(raw[1]);
  if (first < 0 || second < 0) {
    bl_fd_close(first < 0 ? BL_FD_NONE : first);
    bl_fd_close(second < 0 ? BL_FD_NONE : second);
    return first < 0 ? first : second;
  }
  ends[0] = first;
  ends[1] = second;
  return 0;
}

int bl_fd_pipe(int ends[2]) {
  int raw[2];
  if (pipe2(raw, O_CLOEXEC) < 0) return -errno;
  return above_stdio(raw, ends);
}

int bl_fd_socketpair(int ends[2]) {
  int raw[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, raw) < 0)
    return -errno;
  return above_stdio(raw, ends);
}

int bl_fd_open(const char *path, int flags, mode_t mode) {
  int fd;
  do {
    fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  fd = bl_fd_above_stdio(fd);
  if (fd >= 0 && !(flags & O_PATH)) /* which has no such flag */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
}

int bl_fd_null(void) {
  static _Atomic int known = BL_FD_NONE;
  static struct bl_fd_id id;
  int fd = known;
  if (fd != BL_FD_NONE && bl_fd_verify(fd, &id) == 0) return fd;
  fd = bl_fd_open("/dev/null", O_RDWR, 0);
  if (fd < 0) return fd;
  bl_fd_identify(fd, &id);
  known = fd; /* two threads at once: one more stays open, no harm */
  return fd;
}

int bl_fd_copy(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return copy < 0 ? -errno : copy;
}

ssize_t bl_fd_read(int fd, void *to, size_t size) {
  int saved = errno;
  ssize_t n;
  do {
    n = read(fd, to, size);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  errno = saved;
  return n;
}

ssize_t bl_fd_write(int fd, const void *from, size_t size) {
  int saved = errno;
  ssize_t n;
  do {
    n = write(fd, from, size);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  errno = saved;
  return n;
}

int bl_fd_nonblock(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
  return 0;
}

int bl_fd_writes(int fd) {
  return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

int bl_fd_identify(int fd, struct bl_fd_id *id) {
  struct stat s;
  if (fstat(fd, &s) < 0) return -errno;
  id->dev = s.st_dev;
  id->ino = s.st_ino;
  return 0;
}

int bl_fd_verify(int fd, const struct bl_fd_id *id) {
  struct bl_fd_id now;
  if (bl_fd_identify(fd, &now) < 0) return -EBADF;
  return now.dev == id->dev && now.ino == id->ino ? 0 : -EBADF;
}

int bl_fd_close_own(int fd, const struct bl_fd_id *id) {
  if (fd == BL_FD_NONE) return fd;
  int saved = errno;
  if (bl_fd_verify(fd, id) == 0) close(fd);
  errno = saved;
  return BL_FD_NONE;
}

static void close_span(unsigned first, unsigned last) {
  if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
  struct rlimit limit; /* a kernel before 5.9, or a seccomp filter */
  unsigned top = INT_MAX;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < top)
    top = (unsigned)limit.rlim_cur;
  for (unsigned fd = first; fd <= last && fd < top; fd++) close((int)fd);
}

void bl_fd_close_others(const int *keep, size_t n) {
  unsigned next = 3;
  for (size_t i = 0; i < n; i++) {
    if (keep[i] < 3) continue;
    close_span(next, (unsigned)keep[i] - 1);
    next = (unsigned)keep[i] + 1;
  }
  close_span(next, UINT_MAX);
}
