/* SPDX-License-Identifier: MIT */
#include "runtime/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/lock.h"

struct bl_secret {
  size_t mapped;
  size_t size;
  unsigned char bytes[];
};

static int random_bytes(unsigned char *to, size_t size) {
  while (size > 0) {
    ssize_t n = getrandom(to, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    to += n;
    size -= (size_t)n;
  }
  return 0;
}

/* One per tree of processes: drawn with the first secret, inherited. */
static unsigned char fingerprint_key[16];

static void draw_fingerprint_key(void) {
  static int drawn;
  bl_lock();
  if (!drawn)
    drawn = random_bytes(fingerprint_key, sizeof fingerprint_key) == 0;
  bl_unlock();
}

static void *map(size_t size, int flags) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int secret_room(size_t size, struct bl_secret **out) {
  if (size < 1 || size > BL_SECRET_MAX) return -EINVAL;
  draw_fingerprint_key();
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t mapped = (sizeof(struct bl_secret) + size + page - 1) / page * page;
  struct bl_secret *s = map(mapped, MAP_LOCKED);
  /* RLIMIT_MEMLOCK may forbid it: better, not needed */
  if (s == MAP_FAILED) s = map(mapped, 0);
  if (s == MAP_FAILED) return -ENOMEM;
  madvise(s, mapped, MADV_DONTDUMP);
  s->mapped = mapped;
  s->size = size;
  *out = s;
  return 0;
}

int bl_secret_new(const void *bytes, size_t size, struct bl_secret **out) {
  int r = secret_room(size, out);
  if (r == 0) memcpy((*out)->bytes, bytes, size);
  return r;
}

int bl_secret_random(size_t size, struct bl_secret **out) {
  struct bl_secret *s;
  int r = secret_room(size, &s);
  if (r < 0) return r;
  r = random_bytes(s->bytes, size);
  if (r < 0) bl_secret_free(s);
  else *out = s;
  return r;
}

static int check_private(int fd, size_t *size) {
  struct stat file;
  if (fstat(fd, &file) < 0) return -errno;
  if (!S_ISREG(file.st_mode)) return -EINVAL;
  if (file.st_mode & 077) return -EPERM;
  if (file.st_uid != geteuid() && file.st_uid != 0) return -EPERM;
  if (file.st_size < 1 || file.st_size > BL_SECRET_MAX) return -EINVAL;
  *size = (size_t)file.st_size;
  return 0;
}

int bl_secret_read(const char *path, struct bl_secret **out) {
  struct bl_secret *s = NULL;
  size_t size = 0;
  int fd = bl_fd_open(path, O_RDONLY, 0);
  if (fd < 0) return fd;
  int r = check_private(fd, &size);
  if (r == 0) r = secret_room(size, &s);
  if (r == 0) {
    ssize_t n = bl_fd_read(fd, s->bytes, size);
    r = n < 0 ? (int)n : (size_t)n == size ? 0 : -EIO;
  }
  bl_fd_close(fd);
  if (r < 0) bl_secret_free(s);
  else *out = s;
  return r;
}

struct bl_secret *bl_secret_free(struct bl_secret *s) {
  if (s) {
    size_t mapped = s->mapped;
    explicit_bzero(s, mapped);
    munmap(s, mapped);
  }
  return NULL;
}

size_t bl_secret_size(const struct bl_secret *s) { return s->size; }

const unsigned char *bl_secret_bytes(const struct bl_secret *s) {
  return s->bytes;
}

int bl_secret_equals(const struct bl_secret *s, const void *bytes,
                     size_t size) {
  if (size != s->size) return 0;
  const volatile unsigned char *a = s->bytes;
  const volatile unsigned char *b = bytes;
  unsigned char difference = 0;
  for (size_t i = 0; i < size; i++)
    difference = (unsigned char)(difference | (a[i] ^ b[i]));
  return difference == 0;
}

static uint64_t rotate(uint64_t x, int by) {
  return x << by | x >> (64 - by);
}

static void sip_rounds(uint64_t v[4], int n) {
  while (n-- > 0) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
  }
}

static uint64_t little_endian(const unsigned char *p, size_t n) {
  uint64_t word = 0;
  for (size_t i = 0; i < n; i++) word |= (uint64_t)p[i] << (8 * i);
  return word;
}

uint64_t bl_siphash(const unsigned char key[16], const void *bytes,
                    size_t size) {
  const unsigned char *p = bytes;
  uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
  uint64_t v[4] = {
      k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
      k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
  for (size_t left = size;; left -= 8, p += 8) {
    int last = left < 8;
    uint64_t word = little_endian(p, last ? left : 8);
    if (last) word |= (uint64_t)size << 56;
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
    if (last) break;
  }
  v[2] ^= 0xff;
  sip_rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t bl_secret_fingerprint(const struct bl_secret *s) {
  return (uint32_t)bl_siphash(fingerprint_key, s->bytes, s->size);
}
