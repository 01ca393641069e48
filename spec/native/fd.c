/* SPDX-License-Identifier: MIT */
#include "runtime/fd.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "spec/native/check.h"

static int is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }
static int is_cloexec(int fd) { return fcntl(fd, F_GETFD) == FD_CLOEXEC; }

static void close_gives_none(void) {
  int fd = dup(1);
  NEED(fd >= 0);
  errno = 77;
  CHECK_INT(bl_fd_close(fd), BL_FD_NONE);
  CHECK_INT(bl_fd_close(BL_FD_NONE), BL_FD_NONE);
  CHECK_INT(errno, 77);
  CHECK(!is_open(fd));
}

static void pipe_carries(void) {
  int ends[2];
  char got[4] = "";
  NEED(bl_fd_pipe(ends) == 0);
  CHECK(is_cloexec(ends[0]) && is_cloexec(ends[1]));
  CHECK_INT(bl_fd_write(ends[1], "abc", 3), 3);
  CHECK_INT(bl_fd_read(ends[0], got, 3), 3);
  CHECK_STR(got, "abc");
  bl_fd_close(ends[1]);
  CHECK_INT(bl_fd_read(ends[0], got, 3), 0);
  bl_fd_close(ends[0]);
}

static int without_stdio(void) {
  int ends[2];
  for (int fd = 0; fd < 3; fd++) close(fd);
  if (bl_fd_pipe(ends) < 0 || ends[0] < 3 || ends[1] < 3) return 1;
  if (bl_fd_open("/dev/null", O_RDONLY, 0) < 3) return 2;
  if (bl_fd_null() < 3 || bl_fd_copy(ends[0]) < 3) return 3;
  for (int fd = 0; fd < 3; fd++)
    if (is_open(fd)) return 10 + fd;
  return 0;
}

static void stays_above_stdio(void) {
  CHECK_INT(check_in_child(without_stdio), 0);
}

static int with_few(void) {
  int ends[2] = {-7, -7};
  struct rlimit limit;
  bl_fd_close_others(NULL, 0);
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 98;
  limit.rlim_cur = 3; /* 0, 1, 2 */
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return 99;
  if (bl_fd_pipe(ends) != -EMFILE || ends[0] != -7 || ends[1] != -7) return 1;
  if (bl_fd_open("/dev/null", O_RDONLY, 0) != -EMFILE) return 2;
  if (bl_fd_null() != -EMFILE) return 3;
  close(0); /* room below 3 only: nothing may stay open there */
  if (bl_fd_open("/dev/null", O_RDONLY, 0) >= 0 || is_open(0)) return 4;
  close(1);
  return bl_fd_pipe(ends) >= 0 || is_open(0) || is_open(1) ? 5 : 0;
}

static void runs_out(void) { CHECK_INT(check_in_child(with_few), 0); }

static void opens_a_fifo(void) {
  char folder[] = "/tmp/billiard-fd-XXXXXX", path[64];
  NEED(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/fifo", folder);
  NEED(mkfifo(path, 0600) == 0);
  int fd = bl_fd_open(path, O_RDONLY, 0);
  CHECK(fd >= 0);
  CHECK(is_cloexec(fd));
  CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  CHECK_INT(bl_fd_open(folder, O_WRONLY, 0), -EISDIR);
  CHECK_INT(bl_fd_open("/nowhere/at/all", O_RDONLY, 0), -ENOENT);
  bl_fd_close(fd);
  unlink(path);
  rmdir(folder);
}

static void null_is_one(void) {
  int fd = bl_fd_null();
  CHECK(fd >= 3 && is_cloexec(fd));
  CHECK_INT(bl_fd_null(), fd);
  CHECK_INT(bl_fd_write(fd, "x", 1), 1);
  /* a host closed it behind our back, and the number was used again */
  int ends[2];
  close(fd);
  NEED(bl_fd_pipe(ends) == 0);
  int now = bl_fd_null();
  CHECK(now >= 3 && now != ends[0] && now != ends[1]);
  CHECK_INT(bl_fd_write(now, "x", 1), 1);
  bl_fd_close(ends[0]);
  bl_fd_close(ends[1]);
}

static void finds_out_strangers(void) {
  struct bl_fd_id id;
  int a[2], b[2];
  NEED(bl_fd_pipe(a) == 0 && bl_fd_pipe(b) == 0);
  NEED(bl_fd_identify(a[0], &id) == 0);
  CHECK_INT(bl_fd_verify(a[0], &id), 0);
  CHECK_INT(bl_fd_verify(b[0], &id), -EBADF);
  bl_fd_close(a[0]);
  CHECK_INT(bl_fd_verify(a[0], &id), -EBADF);
  CHECK_INT(bl_fd_identify(a[0], &id), -EBADF);
  bl_fd_close(a[1]);
  bl_fd_close(b[0]);
  bl_fd_close(b[1]);
}

static void does_not_block(void) {
  int ends[2];
  char byte;
  NEED(bl_fd_pipe(ends) == 0);
  CHECK_INT(bl_fd_nonblock(ends[0]), 0);
  CHECK_INT(bl_fd_read(ends[0], &byte, 1), -EAGAIN);
  CHECK_INT(bl_fd_nonblock(-1), -EBADF);
  bl_fd_close(ends[0]);
  bl_fd_close(ends[1]);
}

static int keeps_these(void) {
  int fds[8], keep[4] = {BL_FD_NONE};
  for (int i = 0; i < 8; i++) fds[i] = open("/dev/null", O_RDONLY);
  for (int i = 0; i < 3; i++) keep[i + 1] = fds[2 * i + 1];
  bl_fd_close_others(keep, 4);
  for (int i = 0; i < 8; i++)
    if (is_open(fds[i]) != (i == 1 || i == 3 || i == 5)) return 1 + i;
  for (int fd = 0; fd < 3; fd++)
    if (!is_open(fd)) return 20 + fd;
  return 0;
}

static void closes_others(void) { CHECK_INT(check_in_child(keeps_these), 0); }

/* The null device stays open, so it comes first and is not counted later. */
static int warm_up(void) { return bl_fd_null() < 0; }

int main(void) {
  static const struct check_test tests[] = {
      {"a closed descriptor becomes none, errno stays", close_gives_none},
      {"a pipe carries bytes and is closed on exec", pipe_carries},
      {"nothing lands on 0 to 2 where they are closed", stays_above_stdio},
      {"without descriptors calls fail and leave none", runs_out},
      {"a FIFO opens without its other side, and blocks then", opens_a_fifo},
      {"the null device is one, also after it was closed", null_is_one},
      {"a number that became another file is found out", finds_out_strangers},
      {"a non-blocking read returns at once", does_not_block},
      {"all but the kept descriptors are closed", closes_others}};
  return warm_up() || check_all(tests, sizeof tests / sizeof tests[0]);
}
