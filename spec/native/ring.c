/* SPDX-License-Identifier: MIT */
#include "runtime/ring.h"

#include "spec/native/check.h"

static struct bl_ring ring; /* zeroed: a fresh one */

static void restart(uint64_t at) {
  memset(&ring, 0, sizeof ring);
  ring.put.at = ring.put.ready = ring.got.at = at;
}

/* Puts n bytes of a value; 1, or 0 when there is no room. */
static int put(size_t n, int value) {
  static char bytes[BL_RING_SIZE];
  struct bl_span s;
  struct iovec parts[2] = {{bytes, n / 2}, {bytes + n / 2, n - n / 2}};
  if (!CHECK_INT(bl_ring_look(&ring, &s), 0)) return 0;
  if (bl_ring_free(&s) < bl_ring_cost(n)) return 0;
  memset(bytes, value, n);
  bl_ring_put(&ring, &s, parts, 2, n);
  bl_ring_settle(&ring);
  return 1;
}

/* Gets a record; its size when all bytes are of that value, or an error. */
static long get(int value) {
  static char bytes[BL_RING_SIZE];
  struct bl_span s;
  size_t size = 0;
  int r = bl_ring_look(&ring, &s);
  if (r == 0) r = bl_ring_front(&ring, &s, &size);
  if (r < 0) return r;
  bl_ring_copy(&ring, &s, bytes, size);
  bl_ring_pass(&ring, &s, size);
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != (char)value) return -1;
  return (long)size;
}

static void wraps_anywhere(void) {
  for (uint64_t at = 0; at < BL_RING_SIZE; at += 8) {
    restart(at);
    NEED(put(3001, 'a') && put(0, 'b') && put(1, 'c'));
    CHECK(bl_ring_holds(&ring));
    CHECK_INT(get('a'), 3001);
    CHECK_INT(get('b'), 0);
    CHECK_INT(get('c'), 1);
    CHECK(!bl_ring_holds(&ring));
  }
}

static void fills_up(void) {
  size_t whole = BL_RING_SIZE - 8;
  restart(UINT64_MAX - 7); /* positions may wrap as well */
  CHECK(!put(whole + 1, 'x'));
  CHECK(put(whole, 'x'));
  CHECK(!put(0, 'y'));
  CHECK_INT(get('x'), whole);
  int n = 0;
  while (put(8, n)) n++;
  CHECK_INT(n, BL_RING_SIZE / 16);
  for (int i = 0; i < n; i++) CHECK_INT(get(i), 8);
}

/* Written, and the writer died before it made it count. */
static void is_ready_before_it_counts(void) {
  struct bl_span s;
  struct iovec part = {"ready", 5};
  restart(64);
  CHECK_INT(bl_ring_look(&ring, &s), 0);
  CHECK(!bl_ring_holds(&ring));
  bl_ring_put(&ring, &s, &part, 1, 5);
  CHECK(bl_ring_holds(&ring));
  CHECK_INT(bl_ring_look(&ring, &s), 0);
  CHECK_INT(s.tail - s.head, 0);
  for (int i = 0; i < 2; i++) bl_ring_settle(&ring);
  CHECK_INT(bl_ring_look(&ring, &s), 0);
  CHECK_INT(s.tail - s.head, 16);
}

static void judges(void) {
  struct bl_span s;
  static const uint64_t bad[][2] = {
      /* head, tail */
      {8, 0}, {0, BL_RING_SIZE + 8}, {0, 4},         {4, 8},
      {1, 1}, {UINT64_MAX, 0},       {0, UINT64_MAX}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    restart(0);
    ring.got.at = bad[i][0];
    ring.put.at = ring.put.ready = bad[i][1];
    if (!CHECK_INT(bl_ring_look(&ring, &s), BL_EBADFRAME))
      CHECK_FAIL("positions %zu", i);
  }
  static const uint64_t ready[] = {8, 17, BL_RING_SIZE + 24, UINT64_MAX - 7};
  for (size_t i = 0; i < sizeof ready / sizeof ready[0]; i++) {
    restart(16); /* and ready behind it, odd, too far, far behind */
    ring.put.ready = ready[i];
    CHECK_INT(bl_ring_look(&ring, &s), BL_EBADFRAME);
  }
  static const uint64_t lengths[] = {9,          17,         BL_RING_SIZE,
                                     UINT32_MAX, UINT64_MAX, UINT64_MAX - 7};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    restart(0);
    NEED(put(8, 'x'));
    memcpy(ring.data, &lengths[i], sizeof lengths[i]);
    CHECK_INT(get('x'), BL_EBADFRAME);
  }
}

CHECK_MAIN({"records of any length wrap at any place", wraps_anywhere},
           {"a ring holds what fits and no more", fills_up},
           {"a record is ready, then counts", is_ready_before_it_counts},
           {"impossible positions and lengths are refused", judges})
