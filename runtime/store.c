/* SPDX-License-Identifier: MIT */
#include "runtime/store.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/point.h"
#include "runtime/shm.h"

int bl_store_fit(struct bl_store *s, size_t capacity) {
  if (s->capacity == capacity) return 0;
  void *at = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
                  (off_t)s->offset);
  if (at == MAP_FAILED) return -errno;
  bl_store_drop(s);
  s->at = at;
  s->capacity = capacity;
  return 0;
}

/* Where a byte stands, and how many stand in one piece from there. */
static size_t piece(const struct bl_store *s, uint64_t at, size_t n,
                    size_t *length) {
  size_t place = at & (s->capacity - 1), left = s->capacity - place;
  *length = n < left ? n : left;
  return place;
}

/* A byte that stood in the first `old` bytes either stays, or goes to a block
 * of that size further up. */
static void spread(struct bl_store *s, size_t old, uint64_t first,
                   uint64_t last) {
  while (first < last) {
    size_t from = first & (old - 1), n = old - from;
    size_t to = first & (s->capacity - 1);
    if (n > last - first) n = (size_t)(last - first);
    if (to != from) memcpy(s->at + to, s->at + from, n);
    first += n;
    BL_POINT(grow_spread);
  }
}

int bl_store_grow(struct bl_store *s, uint64_t first, uint64_t last,
                  size_t capacity) {
  size_t old = s->capacity;
  struct bl_shm memory = {.fd = s->fd};
  int r = bl_shm_reserve(&memory, s->offset + old, capacity - old);
  BL_POINT(grow_reserved);
  if (r == 0) r = bl_store_fit(s, capacity);
  if (r == 0) spread(s, old, first, last);
  return r;
}

void bl_store_write(struct bl_store *s, uint64_t at, const void *bytes,
                    size_t n) {
  if (n == 0) return; /* and bytes may be null: so for reading */
  size_t length, place = piece(s, at, n, &length);
  memcpy(s->at + place, bytes, length);
  memcpy(s->at, (const char *)bytes + length, n - length);
}

void bl_store_read(const struct bl_store *s, uint64_t at, void *to, size_t n) {
  if (n == 0) return;
  size_t length, place = piece(s, at, n, &length);
  memcpy(to, s->at + place, length);
  memcpy((char *)to + length, s->at, n - length);
}

void bl_store_drop(struct bl_store *s) {
  if (s->at) munmap(s->at, s->capacity);
  s->at = NULL;
  s->capacity = 0;
}
