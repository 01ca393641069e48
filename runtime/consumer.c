/* SPDX-License-Identifier: MIT */
/* The get side of a queue. */
#include <errno.h>

#include "runtime/clock.h"
#include "runtime/point.h"
#include "runtime/queue_impl.h"

/* Is there anything in it? Where the caller does not hold the get mutex, for
 * the moment. */
static int has_items(struct bl_queue *q) {
  struct bl_queue_head *h = bl_queue_head(q);
  uint64_t got = bl_cursor_look(&h->get.cursor).items;
  if (q->put_seen.items > got) return 1;
  q->put_seen = bl_cursor_look(&h->put.cursor);
  return q->put_seen.items > got;
}

/* The put mutex is held: has a wait for items ended? */
static int may_get(struct bl_queue *q) {
  return bl_queue_is_shut(q) || has_items(q);
}

/* The same for who does not hold it, nor may note what he saw. */
static int seems_to_hold(const void *what) {
  const struct bl_queue *q = what;
  const struct bl_queue_head *h = bl_queue_head(q);
  return bl_queue_is_shut(q) || bl_cursor_look(&h->put.cursor).items >
                                    bl_cursor_look(&h->get.cursor).items;
}

/* Has the items bell, which is somebody's level, agree with what there is. One
 * who dies on the way here, or finds a stopped process in it, leaves a bell
 * that says too much: the get that it leads to comes here again. */
static void level(struct bl_queue *q) {
  struct bl_queue_side *side = &bl_queue_head(q)->put;
  if (bl_queue_lock(side, 0) < 0) return;
  BL_POINT(level_locked);
  bl_queue_level(&side->gong, q->items, may_get(q));
  bl_queue_unlock(side);
}

/* The get mutex is held, and there is one. */
static int read_record(struct bl_queue *q, struct bl_mark got,
                       struct bl_buf *to) {
  struct bl_queue_side *side = &bl_queue_head(q)->get;
  struct bl_record record;
  char *bytes;
  int r = bl_store_fit(&q->store, bl_queue_head(q)->capacity);
  if (r < 0) return r;
  bl_store_read(&q->store, got.bytes, &record, sizeof record);
  size_t size = record.size, cost = bl_record_cost(size);
  if (record.check != bl_record_check(record.size, got.bytes) ||
      cost > q->put_seen.bytes - got.bytes)
    return BL_EBADFRAME; /* somebody wrote at random */
  r = bl_buf_room(to, size, &bytes);
  if (r < 0) return r;
  bl_store_read(&q->store, got.bytes + sizeof record, bytes, size);
  bl_buf_added(to, size);
  BL_POINT(get_read);
  bl_cursor_prepare(&side->cursor,
                    (struct bl_mark){got.bytes + cost, got.items + 1});
  BL_POINT(get_prepared);
  bl_gong_ring(&side->gong, q->room);
  BL_POINT(get_rung);
  bl_cursor_commit(&side->cursor);
  BL_POINT(get_committed);
  return 0;
}

/* 0; BL_ETIMEOUT: it is empty; BL_ECLOSED: and stays so. */
static int try_get(struct bl_queue *q, struct bl_buf *to,
                   int64_t deadline_ns) {
  struct bl_queue_head *h = bl_queue_head(q);
  int is_shut = bl_queue_is_shut(q); /* first: nothing comes behind it */
  int r = BL_ETIMEOUT;
  if (has_items(q)) {
    r = bl_queue_lock(&h->get, deadline_ns);
    if (r < 0) return r;
    BL_POINT(get_locked);
    r = has_items(q) ? read_record(q, bl_cursor_look(&h->get.cursor), to)
                     : BL_ETIMEOUT;
    bl_queue_unlock(&h->get);
  }
  if (h->watched && !has_items(q)) level(q);
  return r == BL_ETIMEOUT && is_shut ? BL_ECLOSED : r;
}

static int sleep_for_items(struct bl_queue *q, int64_t deadline_ns) {
  struct bl_queue_side *side = &bl_queue_head(q)->put;
  int r = bl_queue_lock(side, deadline_ns);
  if (r < 0) return r;
  BL_POINT(items_locked);
  int may = may_get(q);
  if (!may) bl_gong_await(&side->gong, q->items);
  bl_queue_unlock(side);
  return may ? 0 : bl_queue_sleep(q->items, deadline_ns);
}

static int wait_for_items(struct bl_queue *q, int64_t deadline_ns) {
  static const struct bl_queue_wait wait = {seems_to_hold, sleep_for_items};
  return bl_queue_await(q, &q->waits, &wait, deadline_ns);
}

int bl_queue_get(struct bl_queue *q, struct bl_buf *to, int64_t deadline_ns) {
  for (;;) {
    int r = try_get(q, to, deadline_ns);
    if (r != BL_ETIMEOUT) return r;
    r = wait_for_items(q, deadline_ns);
    if (r < 0) return r;
  }
}

int bl_queue_fd(struct bl_queue *q) {
  atomic_store(&bl_queue_head(q)->watched, 1);
  level(q);
  return q->items;
}

/* ---- what was got and is done ---- */

uint64_t bl_queue_unfinished(const struct bl_queue *q) {
  const struct bl_queue_head *h = bl_queue_head(q);
  uint64_t done = bl_cursor_look(&h->done).items; /* first: it is less */
  return bl_cursor_look(&h->put.cursor).items - done;
}

uint64_t bl_queue_rounds(const struct bl_queue *q) {
  return bl_cursor_look(&bl_queue_head(q)->done).bytes;
}

/* The get mutex is held. */
static int count_done(struct bl_queue *q) {
  struct bl_queue_head *h = bl_queue_head(q);
  struct bl_mark done = bl_cursor_look(&h->done);
  if (done.items >= bl_cursor_look(&h->get.cursor).items) return -ERANGE;
  int all = bl_queue_unfinished(q) == 1;
  bl_cursor_prepare(
      &h->done, (struct bl_mark){done.bytes + (all ? 1 : 0), done.items + 1});
  BL_POINT(done_prepared);
  if (all) bl_gong_ring(&h->done_gong, q->done);
  BL_POINT(done_rung);
  bl_cursor_commit(&h->done);
  BL_POINT(done_committed);
  return 0;
}

int bl_queue_done(struct bl_queue *q, int64_t deadline_ns) {
  struct bl_queue_side *side = &bl_queue_head(q)->get;
  int r = bl_queue_lock(side, deadline_ns);
  if (r < 0) return r;
  BL_POINT(done_locked);
  r = count_done(q);
  bl_queue_unlock(side);
  return r;
}

static int is_joined(const struct bl_queue *q, uint64_t since) {
  return bl_queue_rounds(q) != since || bl_queue_unfinished(q) == 0;
}

int bl_queue_join(struct bl_queue *q, uint64_t since, int64_t deadline_ns) {
  struct bl_queue_head *h = bl_queue_head(q);
  while (!is_joined(q, since)) {
    if (bl_now_ns() >= deadline_ns) return BL_ETIMEOUT;
    int r = bl_queue_lock(&h->get, deadline_ns);
    if (r < 0) return r;
    BL_POINT(join_locked);
    int is = is_joined(q, since);
    if (!is) bl_gong_await(&h->done_gong, q->done);
    bl_queue_unlock(&h->get);
    r = is ? 0 : bl_queue_sleep(q->done, deadline_ns);
    if (r < 0) return r;
  }
  return 0;
}

int bl_queue_join_fd(struct bl_queue *q, uint64_t since) {
  struct bl_queue_head *h = bl_queue_head(q);
  int r = bl_queue_lock(&h->get, 0);
  if (r < 0) return r;
  bl_queue_level(&h->done_gong, q->done, is_joined(q, since));
  bl_queue_unlock(&h->get);
  return q->done;
}
