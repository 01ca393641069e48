/* SPDX-License-Identifier: MIT */
/* The same bytes, with huge pages and without: which of them the kernel has
 * is not ours to say. */
#include "runtime/bulk.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "runtime/fd.h"
#include "runtime/shm.h"
#include "spec/native/check.h"

enum { MIB = 1 << 20, HUGE = 2 * MIB, MOST = 27 * MIB + 3 };

static unsigned char *bytes;

static void make_bytes(void) {
  bytes = malloc(MOST);
  NEED(bytes);
  for (size_t i = 0; i < MOST; i++)
    bytes[i] = (unsigned char)(i * 31 + i / 4096 * 7);
}

/* Cut at two places, with an empty part between. */
static int fill(int fd, size_t size, size_t first, size_t second) {
  struct iovec parts[] = {{bytes, first},
                          {NULL, 0},
                          {bytes + first, second - first},
                          {bytes + second, size - second}};
  return bl_bulk_fill(fd, parts, 4, size);
}

static void holds(int fd, size_t size) {
  CHECK_INT(bl_shm_freeze(fd), 0);
  CHECK_INT(bl_shm_check(fd, size, 0), 0);
  void *map = bl_bulk_view(fd, size);
  NEED(map != MAP_FAILED);
  CHECK(memcmp(map, bytes, size) == 0);
  munmap(map, size);
}

static void holds_all_parts(void) {
  static const size_t sizes[] = {1,           5000,    HUGE - 1,
                                 HUGE,        8 * MIB, 8 * MIB + 1,
                                 9 * MIB,     24 * MIB, 11 * MIB + 5,
                                 MOST};
  make_bytes();
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t n = sizes[i];
    const size_t cuts[][2] = {{0, n}, {n / 2, n / 2}, {n > 5 ? 5 : 0, n},
                              {n - n % HUGE, n}, {n / 3, n - n / 7}};
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
      int before = check_fds(), fd = bl_shm_open("test");
      NEED(fd >= 0);
      CHECK_INT(fill(fd, n, cuts[k][0], cuts[k][1]), 0);
      holds(fd, n);
      bl_fd_close(fd);
      CHECK_INT(check_fds(), before);
    }
  }
  free(bytes);
}

/* Huge pages fit where the address is a multiple of their size. */
static void lies_where_they_fit(void) {
  int fd = bl_shm_open("test");
  NEED(fd >= 0 && ftruncate(fd, MOST) == 0);
  void *map = bl_bulk_view(fd, MOST), *other = bl_bulk_view(fd, MOST);
  CHECK(map != MAP_FAILED && (uintptr_t)map % HUGE == 0);
  CHECK(other != MAP_FAILED && (uintptr_t)other % HUGE == 0);
  CHECK(map != other);
  munmap(map, MOST);
  munmap(other, MOST);
  bl_fd_close(fd);
}

static void says_what_fails(void) {
  make_bytes();
  int fd = bl_shm_open("test");
  NEED(fd >= 0 && bl_shm_freeze(fd) == 0);
  CHECK_INT(fill(fd, MOST, 5, MOST), -EPERM);
  CHECK_INT(fill(fd, 100, 5, 100), -EPERM);
  bl_fd_close(fd);
  CHECK_INT(fill(BL_FD_NONE, MOST, 5, MOST), -EBADF);
  free(bytes);
}

/* Without address space for a mapping it is written. */
static void needs_no_mapping(void) {
  struct rlimit old, low;
  if (check_emulated()) SKIP("the limit is not kept here");
  make_bytes();
  int fd = bl_shm_open("test");
  NEED(fd >= 0 && getrlimit(RLIMIT_AS, &old) == 0);
  low = old;
  low.rlim_cur = 1;
  NEED(setrlimit(RLIMIT_AS, &low) == 0);
  int r = fill(fd, MOST, 5, MOST);
  setrlimit(RLIMIT_AS, &old);
  CHECK_INT(r, 0);
  holds(fd, MOST);
  bl_fd_close(fd);
  free(bytes);
}

CHECK_MAIN({"a memfd holds all parts, wherever they are cut", holds_all_parts},
           {"many bytes are mapped where huge pages fit",
            lies_where_they_fit},
           {"what cannot be filled is an error", says_what_fails},
           {"where nothing can be mapped it is filled", needs_no_mapping})
