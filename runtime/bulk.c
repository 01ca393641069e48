/* SPDX-License-Identifier: MIT */
#include "runtime/bulk.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/fd.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

enum {
  HUGE = 2 << 20, /* where they are larger, nothing is done */
  GROWTH = 4,     /* of what is asked for at a time, which begins with one, */
  LAST = 32 << 20 /* and ends here */
};

/* ---- mapping ---- */

/* Where huge pages fit into a mapping; should somebody else map something
 * there meanwhile, it lies elsewhere. */
static void *good_place(size_t size) {
  size_t room = size + HUGE;
  if (size < HUGE) return NULL;
  char *at = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return NULL;
  munmap(at, room);
  return at + (HUGE - (uintptr_t)at % HUGE) % HUGE;
}

void *bl_bulk_view(int fd, size_t size) {
  return mmap(good_place(size), size, PROT_READ, MAP_SHARED, fd, 0);
}

/* ---- huge pages ---- */

/* A memfd that is being filled. */
struct target {
  int fd;
  char *map;
  size_t mapped;
  size_t huge; /* so many bytes of them are there, in huge pages */
  size_t at;   /* so many of those are filled; the rest is written behind */
};

/* What this thread has worked, inside the kernel too. */
static int64_t worked_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * BL_SECOND_NS + t.tv_nsec;
}

/* What huge pages may cost: several times what clearing them does, but less
 * than small ones. It takes longer where the kernel must tidy up its memory
 * first, or where a hypervisor gives it only when it is first used. */
static int64_t worth_ns(size_t size) {
  return BL_MILLISECOND_NS + (int64_t)(size >> 20) * (BL_MILLISECOND_NS / 5);
}

/* 1: n bytes more are there, in huge pages. Of each of these a byte must be
 * there before: what is empty stays empty. */
static int gather(struct target *t, size_t n) {
  for (size_t i = t->huge; i < t->huge + n; i += HUGE)
    if (pwrite(t->fd, "", 1, (off_t)i) != 1) return 0;
  if (madvise(t->map + t->huge, n, MADV_COLLAPSE) < 0) return 0;
  t->huge += n;
  return 1;
}

/* Part by part, as long as that is worth it. */
static void gather_all(struct target *t) {
  size_t n = HUGE;
  while (t->huge < t->mapped) {
    int64_t before = worked_ns();
    if (n > t->mapped - t->huge) n = t->mapped - t->huge;
    if (!gather(t, n) || worked_ns() - before > worth_ns(n)) return;
    if (n < LAST) n *= GROWTH;
  }
}

static void enlarge(struct target *t, size_t size) {
  size_t whole = size / HUGE * HUGE;
  if (size < HUGE || ftruncate(t->fd, (off_t)size) < 0) return;
  void *map = mmap(good_place(whole), whole, PROT_READ | PROT_WRITE,
                   MAP_SHARED, t->fd, 0);
  if (map == MAP_FAILED) return;
  madvise(map, whole, MADV_DONTFORK); /* it would be in the way of freezing */
  t->map = map;
  t->mapped = whole;
  gather_all(t);
}

/* ---- filling ---- */

static int write_all(int fd, const char *from, size_t size) {
  while (size > 0) {
    ssize_t n = bl_fd_write(fd, from, size);
    if (n < 0) return (int)n;
    from += n;
    size -= (size_t)n;
  }
  return 0;
}

/* Through the mapping only to what is there: elsewhere a lack of memory would
 * be a signal. */
static int put(struct target *t, const char *from, size_t size) {
  size_t left = t->huge - t->at, n = size < left ? size : left;
  if (n > 0) memcpy(t->map + t->at, from, n);
  t->at += n;
  return size > n ? write_all(t->fd, from + n, size - n) : 0;
}

int bl_bulk_fill(int fd, const struct iovec *parts, int n, size_t size) {
  struct target t = {.fd = fd};
  int r = 0;
  enlarge(&t, size);
  if (t.huge > 0 && lseek(fd, (off_t)t.huge, SEEK_SET) < 0) t.huge = 0;
  for (int i = 0; r == 0 && i < n; i++)
    r = put(&t, parts[i].iov_base, parts[i].iov_len);
  if (t.map) munmap(t.map, t.mapped);
  return r;
}
