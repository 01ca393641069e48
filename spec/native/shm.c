/* SPDX-License-Identifier: MIT */
#include "runtime/shm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/fd.h"
#include "spec/native/check.h"

enum { SIZE = 1 << 16 };

static int64_t blocks(int fd) {
  struct stat s;
  return fstat(fd, &s) < 0 ? -1 : (int64_t)s.st_blocks * 512;
}

static void is_shared(void) {
  struct bl_shm a, b;
  NEED(CHECK_INT(bl_shm_new(&a, "test", SIZE, SIZE), 0));
  NEED(CHECK_INT(bl_shm_adopt(&b, bl_fd_copy(a.fd), SIZE, SIZE), 0));
  CHECK(a.at != b.at);
  memcpy((char *)a.at + 100, "here", 5);
  CHECK_STR((char *)b.at + 100, "here");
  bl_shm_drop(&a);
  CHECK_STR((char *)b.at + 100, "here");
  bl_shm_drop(&b);
  bl_shm_drop(&b);
}

static void cannot_be_cut(void) {
  struct bl_shm m;
  NEED(CHECK_INT(bl_shm_new(&m, "test", SIZE, SIZE), 0));
  CHECK(ftruncate(m.fd, 0) < 0 && errno == EPERM);
  CHECK(ftruncate(m.fd, 2L * SIZE) < 0 && errno == EPERM);
  bl_shm_drop(&m);
}

static void reserves_and_releases(void) {
  struct bl_shm m;
  size_t far = (size_t)1 << 40;
  NEED(CHECK_INT(bl_shm_new(&m, "test", far + SIZE, SIZE), 0));
  int64_t before = blocks(m.fd);
  CHECK_INT(before, SIZE);
  CHECK_INT(bl_shm_reserve(&m, far, SIZE), 0);
  CHECK_INT(blocks(m.fd), before + SIZE);
  bl_shm_release(&m, far, SIZE);
  CHECK_INT(blocks(m.fd), before);
  CHECK(bl_shm_reserve(&m, far + SIZE, 1) < 0);
  bl_shm_drop(&m);
}

static void respects_file_limits(void) {
  struct rlimit old, low;
  struct bl_shm m = {NULL, 0, BL_FD_NONE};
  getrlimit(RLIMIT_FSIZE, &old);
  low = old;
  low.rlim_cur = SIZE / 2;
  setrlimit(RLIMIT_FSIZE, &low); /* SIGXFSZ would end us */
  int r = bl_shm_new(&m, "test", SIZE, SIZE);
  setrlimit(RLIMIT_FSIZE, &old);
  CHECK_INT(r, -EFBIG);
  CHECK_INT(m.fd, BL_FD_NONE);
}

static int refuses(int fd, size_t size) {
  struct bl_shm m = {NULL, 0, BL_FD_NONE};
  int r = bl_shm_adopt(&m, fd, size, size);
  CHECK(fcntl(fd, F_GETFD) < 0); /* taken, and closed */
  return r;
}

static void adopts_nothing_else(void) {
  int ends[2], plain = bl_shm_open("test");
  NEED(plain >= 0 && ftruncate(plain, SIZE) == 0);
  CHECK_INT(refuses(plain, SIZE), BL_EBADFRAME); /* unsealed */
  struct bl_shm m;
  NEED(CHECK_INT(bl_shm_new(&m, "test", SIZE, SIZE), 0));
  CHECK_INT(refuses(bl_fd_copy(m.fd), SIZE + 1), BL_EBADFRAME);
  CHECK_INT(refuses(bl_fd_copy(m.fd), SIZE - 1), BL_EBADFRAME);
  bl_shm_drop(&m);
  NEED(bl_fd_pipe(ends) == 0);
  CHECK_INT(refuses(ends[0], SIZE), BL_EBADFRAME);
  bl_fd_close(ends[1]);
  CHECK_INT(refuses(bl_fd_open("/", O_RDONLY, 0), SIZE), BL_EBADFRAME);
  CHECK_INT(refuses(bl_fd_open("/proc/self/exe", O_RDONLY, 0), SIZE),
            BL_EBADFRAME);
}

static void frozen_is_readable_only(void) {
  int fd = bl_shm_open("test");
  NEED(fd >= 0 && bl_fd_write(fd, "abc", 3) == 3);
  CHECK_INT(bl_shm_check(fd, 3, 0), BL_EBADFRAME);
  CHECK_INT(bl_shm_freeze(fd), 0);
  CHECK_INT(bl_shm_check(fd, 3, 0), 0);
  CHECK_INT(bl_shm_check(fd, 4, 0), BL_EBADFRAME);
  CHECK_INT(bl_fd_write(fd, "d", 1), -EPERM);
  bl_fd_close(fd);
}

static void holes_are_not_readable(void) {
  int fd = bl_shm_open("test");
  NEED(fd >= 0 && ftruncate(fd, (off_t)1 << 40) == 0);
  CHECK_INT(bl_shm_freeze(fd), 0);
  CHECK_INT(bl_shm_check(fd, (size_t)1 << 40, 0), BL_EBADFRAME);
  bl_fd_close(fd);
}

CHECK_MAIN({"memory is shared by its descriptor", is_shared},
           {"it can neither shrink nor grow", cannot_be_cut},
           {"what is far behind costs what was reserved",
            reserves_and_releases},
           {"a file size limit is an error, no signal", respects_file_limits},
           {"only sealed memory of that size is adopted", adopts_nothing_else},
           {"frozen memory is for reading", frozen_is_readable_only},
           {"memory with holes is not taken for a message",
            holes_are_not_readable})
