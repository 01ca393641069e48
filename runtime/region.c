/* SPDX-License-Identifier: MIT */
#include "runtime/region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Small enough for a process whose address space is limited. */
enum { WINDOW = 4 << 20 };

static int write_window(const struct bl_shm *m, size_t at, const char *from,
                        size_t n) {
  int r = bl_shm_reserve(m, at, n);
  if (r < 0) return r;
  /* a map, since write() would heed this process's limit of file sizes */
  void *window = mmap(NULL, n, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, m->fd, (off_t)at);
  if (window == MAP_FAILED) return -errno;
  memcpy(window, from, n);
  munmap(window, n);
  return 0;
}

int bl_region_write(const struct bl_shm *m, size_t at, const char *from,
                    size_t n) {
  for (size_t done = 0; done < n; done += WINDOW) {
    size_t part = n - done < WINDOW ? n - done : WINDOW;
    int r = write_window(m, at + done, from + done, part);
    if (r < 0) {
      bl_shm_release(m, at, done + WINDOW);
      return r;
    }
  }
  return 0;
}

static int read_all(int fd, size_t at, char *to, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(fd, to + done, n - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? -errno : BL_EBADFRAME;
    done += (size_t)got;
  }
  return 0;
}

int bl_region_read(const struct bl_shm *m, size_t at, size_t n, char **to) {
  off_t hole = lseek(m->fd, (off_t)at, SEEK_HOLE);
  if (hole < 0) return -errno;
  if ((size_t)hole < at + n) return BL_EBADFRAME;
  char *copy = malloc(n + 1);
  if (!copy) return -ENOMEM;
  int r = read_all(m->fd, at, copy, n);
  if (r < 0) free(copy);
  else *to = copy;
  return r;
}
