/* SPDX-License-Identifier: MIT */
/* The put side of a queue. */
#include <errno.h>

#include "runtime/clock.h"
#include "runtime/point.h"
#include "runtime/queue_impl.h"

enum {
  KEPT = 1 << 20,   /* a smaller ring does not shrink */
  LOOK_EVERY = 1024 /* puts, for whether it should: not so often that one that
                       is now full, now empty, would do nothing else */
};

/* A queue is full for all or for none, however large what they want to put:
   who sleeps because there is no room for much could take the wake-up from one
   who wants to put little. So half of the reserve is for the last message. */
static int is_full(const struct bl_queue_head *h, struct bl_mark put,
                   struct bl_mark got) {
  if (h->maxsize > 0 && put.items - got.items >= h->maxsize) return 1;
  return put.bytes - got.bytes > h->reserve / 2;
}

static int fits(const struct bl_queue_head *h, struct bl_mark put,
                struct bl_mark got, size_t cost) {
  return !is_full(h, put, got) && put.bytes - got.bytes + cost <= h->capacity;
}

/* What the capacity should be, where so many bytes are to be in it. */
static size_t suitable(size_t capacity, uint64_t used, int may_shrink) {
  if (may_shrink && capacity > KEPT && used <= capacity / 8)
    return capacity / 2;
  while (used > capacity) capacity *= 2;
  return capacity;
}

/* Both mutexes are held. */
static int resize(struct bl_queue *q, struct bl_mark put, size_t capacity) {
  struct bl_queue_head *h = bl_queue_head(q);
  uint64_t first = bl_cursor_look(&h->get.cursor).bytes;
  BL_POINT(size_locked);
  int r = bl_store_resize(&q->store, first, put.bytes, capacity);
  if (r < 0) return r;
  BL_POINT(size_ready);
  h->capacity = capacity;
  BL_POINT(size_known);
  bl_store_trim(&q->store, capacity);
  BL_POINT(size_trimmed);
  return bl_store_fit(&q->store, capacity);
}

/* The put mutex is held. 0; BL_ETIMEOUT: it is full. */
static int make_room(struct bl_queue *q, struct bl_mark put, size_t cost,
                     int64_t deadline_ns) {
  struct bl_queue_head *h = bl_queue_head(q);
  int r = bl_store_fit(&q->store, h->capacity);
  if (r < 0) return r;
  int may_shrink = put.items % LOOK_EVERY == 0;
  if (!may_shrink && fits(h, put, q->got_seen, cost)) return 0;
  q->got_seen = bl_cursor_look(&h->get.cursor);
  if (is_full(h, put, q->got_seen)) return BL_ETIMEOUT;
  uint64_t used = put.bytes - q->got_seen.bytes + cost;
  size_t capacity = suitable(h->capacity, used, may_shrink);
  if (capacity == h->capacity) return 0;
  int must = capacity > h->capacity;
  r = must ? bl_queue_lock(&h->get, deadline_ns) : bl_mutex_try(&h->get.mutex);
  if (r < 0) return must ? r : 0;
  r = resize(q, put, capacity);
  bl_queue_unlock(&h->get);
  return r;
}

/* What is put. */
struct message {
  const struct iovec *parts;
  int n;
  size_t size; /* of all parts */
};

/* There is room; the put mutex is held. */
static void write_record(struct bl_queue *q, struct bl_mark put,
                         const struct message *m) {
  struct bl_queue_side *side = &bl_queue_head(q)->put;
  struct bl_record record = {(uint32_t)m->size,
                             bl_record_check((uint32_t)m->size, put.bytes)};
  uint64_t at = put.bytes + sizeof record;
  bl_store_write(&q->store, put.bytes, &record, sizeof record);
  for (int i = 0; i < m->n; at += m->parts[i++].iov_len)
    bl_store_write(&q->store, at, m->parts[i].iov_base, m->parts[i].iov_len);
  BL_POINT(put_written);
  bl_cursor_prepare(
      &side->cursor,
      (struct bl_mark){put.bytes + bl_record_cost(m->size), put.items + 1});
  BL_POINT(put_prepared);
  bl_gong_ring(&side->gong, q->items);
  BL_POINT(put_rung);
  bl_cursor_commit(&side->cursor);
  BL_POINT(put_committed);
}

static int try_put(struct bl_queue *q, const struct message *m,
                   int64_t deadline_ns) {
  struct bl_queue_head *h = bl_queue_head(q);
  int r = bl_queue_lock(&h->put, deadline_ns);
  if (r < 0) return r;
  BL_POINT(put_locked);
  struct bl_mark put = bl_cursor_look(&h->put.cursor);
  if (h->shut) r = BL_ECLOSED;
  else r = make_room(q, put, bl_record_cost(m->size), deadline_ns);
  if (r == 0) write_record(q, put, m);
  bl_queue_unlock(&h->put);
  return r;
}

/* Has a wait for room ended? Under the get mutex for certain. */
static int may_put(const struct bl_queue *q) {
  const struct bl_queue_head *h = bl_queue_head(q);
  struct bl_mark got = bl_cursor_look(&h->get.cursor);
  struct bl_mark put = bl_cursor_look(&h->put.cursor);
  return h->shut || !is_full(h, put, got);
}

static int seems_roomy(const void *q) { return may_put(q); }

static int sleep_for_room(struct bl_queue *q, int64_t deadline_ns) {
  struct bl_queue_side *side = &bl_queue_head(q)->get;
  int r = bl_queue_lock(side, deadline_ns);
  if (r < 0) return r;
  BL_POINT(room_locked);
  int may = may_put(q);
  if (!may) bl_gong_await(&side->gong, q->room);
  bl_queue_unlock(side);
  return may ? 0 : bl_queue_sleep(q->room, deadline_ns);
}

static int wait_for_room(struct bl_queue *q, int64_t deadline_ns) {
  static const struct bl_queue_wait wait = {seems_roomy, sleep_for_room};
  return bl_queue_await(q, &q->stays, &wait, deadline_ns);
}

int bl_queue_put(struct bl_queue *q, const struct iovec *parts, int n,
                 int64_t deadline_ns) {
  size_t largest = bl_queue_head(q)->reserve / 2 - sizeof(struct bl_record);
  struct message m = {parts, n, 0};
  for (int i = 0; i < n; i++) {
    if (parts[i].iov_len > largest - m.size) return BL_ETOOBIG;
    m.size += parts[i].iov_len;
  }
  for (;;) {
    int r = try_put(q, &m, deadline_ns);
    if (r != BL_ETIMEOUT) return r;
    r = wait_for_room(q, deadline_ns);
    if (r < 0) return r;
  }
}

int bl_queue_room_fd(struct bl_queue *q) {
  struct bl_queue_side *side = &bl_queue_head(q)->get;
  int r = bl_queue_lock(side, 0);
  if (r < 0) return r;
  bl_queue_level(&side->gong, q->room, may_put(q));
  bl_queue_unlock(side);
  return q->room;
}
