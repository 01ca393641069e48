/* SPDX-License-Identifier: MIT */
/* A record is a word with its size, then its bytes, filled up to a multiple
 * of 8: the word never wraps around, the bytes may. */
#include "runtime/ring.h"

#include <string.h>

enum { WORD = sizeof(uint64_t) };

static uint64_t load(const _Atomic uint64_t *from) {
  return atomic_load_explicit(from, memory_order_acquire);
}

static int is_possible(uint64_t head, uint64_t tail) {
  return tail - head <= BL_RING_SIZE && (head | tail) % WORD == 0;
}

int bl_ring_look(const struct bl_ring *r, struct bl_span *s) {
  uint64_t head = load(&r->got.at), tail = load(&r->put.at);
  uint64_t ready = load(&r->put.ready);
  if (!is_possible(head, tail) || !is_possible(head, ready) ||
      ready - head < tail - head)
    return BL_EBADFRAME;
  s->head = head;
  s->tail = tail;
  return 0;
}

int bl_ring_recall_head(const struct bl_ring *r, struct bl_span *s) {
  s->head = load(&r->got.at);
  return is_possible(s->head, s->tail);
}

int bl_ring_recall_tail(const struct bl_ring *r, struct bl_span *s) {
  s->tail = load(&r->put.at);
  return is_possible(s->head, s->tail);
}

int bl_ring_holds(const struct bl_ring *r) {
  return load(&r->put.ready) != load(&r->got.at);
}

size_t bl_ring_cost(size_t size) {
  return WORD + (size + WORD - 1) / WORD * WORD;
}

size_t bl_ring_free(const struct bl_span *s) {
  return BL_RING_SIZE - (size_t)(s->tail - s->head);
}

/* How much of n bytes at a position lies before the end of the data. */
static size_t until_end(uint64_t at, size_t n) {
  size_t left = BL_RING_SIZE - at % BL_RING_SIZE;
  return n < left ? n : left;
}

static void copy_in(struct bl_ring *r, uint64_t at, const char *from,
                    size_t n) {
  size_t first = until_end(at, n);
  memcpy(r->data + at % BL_RING_SIZE, from, first);
  if (n > first) memcpy(r->data, from + first, n - first);
}

void bl_ring_put(struct bl_ring *r, const struct bl_span *s,
                 const struct iovec *parts, int n, size_t size) {
  uint64_t at = s->tail, word = size;
  memcpy(r->data + at % BL_RING_SIZE, &word, WORD);
  at += WORD;
  for (int i = 0; i < n; i++) {
    if (parts[i].iov_len == 0) continue;
    copy_in(r, at, parts[i].iov_base, parts[i].iov_len);
    at += parts[i].iov_len;
  }
  atomic_exchange(&r->put.ready, s->tail + bl_ring_cost(size));
}

/* Nobody writes over what is ready before it counts: so whoever sees it may
 * say so, however late, and more than one. */
void bl_ring_settle(struct bl_ring *r) {
  uint64_t at = load(&r->put.at), ready = load(&r->put.ready);
  if ((int64_t)(ready - at) > 0)
    atomic_compare_exchange_strong(&r->put.at, &at, ready);
}

int bl_ring_front(const struct bl_ring *r, const struct bl_span *s,
                  size_t *size) {
  const char *at = r->data + s->head % BL_RING_SIZE;
  uint64_t word = *(const volatile uint64_t *)(const void *)at;
  if (word > BL_RING_SIZE || bl_ring_cost(word) > s->tail - s->head)
    return BL_EBADFRAME;
  *size = word;
  return 0;
}

void bl_ring_copy(const struct bl_ring *r, const struct bl_span *s, char *to,
                  size_t size) {
  uint64_t at = s->head + WORD;
  size_t first = until_end(at, size);
  memcpy(to, r->data + at % BL_RING_SIZE, first);
  if (size > first) memcpy(to + first, r->data, size - first);
}

void bl_ring_pass(struct bl_ring *r, const struct bl_span *s, size_t size) {
  atomic_store_explicit(&r->got.at, s->head + bl_ring_cost(size),
                        memory_order_release);
}
