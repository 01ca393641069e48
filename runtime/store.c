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

/* To where they stand among `new` bytes, from where they do among `old`. No
 * byte comes to where another one stands: growing, it stays or goes behind
 * them all; shrinking, the two would be half of `old` apart. */
static void spread(struct bl_store *s, size_t old, size_t new, uint64_t first,
                   uint64_t last) {
  while (first < last) {
    size_t from = first & (old - 1), to = first & (new - 1);
    size_t n = old - from < new - to ? old - from : new - to;
    if (n > last - first) n = (size_t)(last - first);
    if (to != from) memcpy(s->at + to, s->at + from, n);
    first += n;
    BL_POINT(size_spread);
  }
}

int bl_store_resize(struct bl_store *s, uint64_t first, uint64_t last,
                    size_t capacity) {
  size_t old = s->capacity;
  struct bl_shm memory = {.fd = s->fd};
  int r = 0;
  if (capacity > old) {
    r = bl_shm_reserve(&memory, s->offset + old, capacity - old);
    BL_POINT(size_reserved);
    if (r == 0) r = bl_store_fit(s, capacity);
  }
  if (r == 0) spread(s, old, capacity, first, last);
  return r;
}

void bl_store_trim(struct bl_store *s, size_t capacity) {
  struct bl_shm memory = {.fd = s->fd};
  if (capacity < s->capacity)
    bl_shm_release(&memory, s->offset + capacity, s->capacity - capacity);
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
