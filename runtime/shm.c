/* SPDX-License-Identifier: MIT */
#include "runtime/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/fd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

enum {
  FIXED = F_SEAL_SHRINK | F_SEAL_GROW,
  FROZEN = FIXED | F_SEAL_WRITE,
  BLOCK = 512,     /* what st_blocks counts */
  LARGE = 64 << 20 /* worth a look at what there is */
};

int bl_shm_open(const char *name) {
  static _Atomic int refused; /* by the kernel: it does not know NOEXEC */
  int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING, fd = -1;
  if (!refused) fd = memfd_create(name, (unsigned)flags | MFD_NOEXEC_SEAL);
  if (fd < 0 && (refused || errno == EINVAL)) {
    refused = 1;
    fd = memfd_create(name, (unsigned)flags);
  }
  return bl_fd_above_stdio(fd);
}

int bl_shm_allowed(size_t size) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) < 0) return -errno;
  return limit.rlim_cur < size ? -EFBIG : 0;
}

static int map(struct bl_shm *m, size_t mapped) {
  void *at = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
  if (at == MAP_FAILED) return -errno;
  m->at = at;
  m->size = mapped;
  return 0;
}

/* Bytes that the kernel thinks it can hand out, and as many as there may be
 * where it does not say. */
static size_t available(void) {
  char text[256];
  int fd = bl_fd_open("/proc/meminfo", O_RDONLY, 0);
  ssize_t n = fd < 0 ? fd : bl_fd_read(fd, text, sizeof text - 1);
  bl_fd_close(fd < 0 ? BL_FD_NONE : fd);
  text[n > 0 ? n : 0] = '\0';
  const char *at = strstr(text, "MemAvailable:");
  if (!at) return SIZE_MAX;
  return (size_t)strtoull(at + strlen("MemAvailable:"), NULL, 10) * 1024;
}

static int make(struct bl_shm *m, size_t size, size_t mapped) {
  /* the kernel would try, and kill somebody when it runs out */
  if (mapped >= LARGE && mapped > available()) return -ENOMEM;
  if (ftruncate(m->fd, (off_t)size) < 0) return -errno;
  int r = bl_shm_reserve(m, 0, mapped);
  if (r < 0) return r;
  if (fcntl(m->fd, F_ADD_SEALS, FIXED | F_SEAL_SEAL) < 0) return -errno;
  return map(m, mapped);
}

int bl_shm_new(struct bl_shm *m, const char *name, size_t size,
               size_t mapped) {
  struct bl_shm made = {NULL, 0, BL_FD_NONE};
  int r = bl_shm_allowed(size);
  if (r < 0) return r;
  r = made.fd = bl_shm_open(name);
  if (r < 0) return r;
  r = make(&made, size, mapped);
  if (r < 0) bl_shm_drop(&made);
  else *m = made;
  return r;
}

int bl_shm_reserve(const struct bl_shm *m, size_t at, size_t n) {
  int r;
  do {
    r = n == 0 ? 0 : fallocate(m->fd, 0, (off_t)at, (off_t)n);
  } while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : 0;
}

void bl_shm_release(const struct bl_shm *m, size_t at, size_t n) {
  int saved = errno;
  fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
            (off_t)n);
  errno = saved;
}

/* Sealed files are memfds; those of huge pages can lack memory at any touch,
 * and are told by their file system. */
static int sealed(int fd, int seals) {
  struct statfs fs;
  int has = fcntl(fd, F_GET_SEALS);
  if (has < 0 || (has & seals) != seals) return 0;
  return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

int bl_shm_check(int fd, size_t size, int writable) {
  struct stat s;
  if (!sealed(fd, writable ? FIXED : FROZEN)) return BL_EBADFRAME;
  if (fstat(fd, &s) < 0 || (uint64_t)s.st_size != size) return BL_EBADFRAME;
  /* who reads holes pays for them: what is to be read must be there */
  if (!writable && (uint64_t)s.st_blocks * BLOCK < size) return BL_EBADFRAME;
  return 0;
}

int bl_shm_adopt_sparse(struct bl_shm *m, int fd, size_t size, size_t mapped,
                        size_t reserved) {
  struct bl_shm taken = {NULL, 0, fd};
  int r = bl_shm_check(fd, size, 1);
  if (r == 0) r = bl_shm_reserve(&taken, 0, reserved);
  if (r == 0) r = map(&taken, mapped);
  if (r < 0) bl_shm_drop(&taken);
  else *m = taken;
  return r;
}

int bl_shm_adopt(struct bl_shm *m, int fd, size_t size, size_t mapped) {
  return bl_shm_adopt_sparse(m, fd, size, mapped, mapped);
}

int bl_shm_take(struct bl_shm *m, int fd) {
  struct stat s;
  if (fstat(fd, &s) == 0 && s.st_size > 0)
    return bl_shm_adopt(m, fd, (size_t)s.st_size, (size_t)s.st_size);
  bl_fd_close(fd);
  return BL_EBADFRAME;
}

int bl_shm_freeze(int fd) {
  return fcntl(fd, F_ADD_SEALS, FROZEN | F_SEAL_SEAL) < 0 ? -errno : 0;
}

void bl_shm_drop(struct bl_shm *m) {
  if (m->at) munmap(m->at, m->size);
  m->at = NULL;
  m->size = 0;
  m->fd = bl_fd_close(m->fd);
}
