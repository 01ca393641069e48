/* SPDX-License-Identifier: MIT */
#include "runtime/buf.h"

#include "spec/native/check.h"

static void add(struct bl_buf *b, const char *bytes, size_t n) {
  char *to;
  if (!CHECK_INT(bl_buf_room(b, n, &to), 0)) return;
  memcpy(to, bytes, n);
  bl_buf_added(b, n);
}

static void starts_empty(void) {
  struct bl_buf b = {0};
  CHECK_INT(bl_buf_length(&b), 0);
  CHECK(bl_buf_front(&b) != NULL);
  bl_buf_reset(&b);
}

static void keeps_order(void) {
  struct bl_buf b = {0};
  add(&b, "abc", 3);
  bl_buf_eat(&b, 2);
  add(&b, "def", 3);
  CHECK_INT(bl_buf_length(&b), 4);
  CHECK(memcmp(bl_buf_front(&b), "cdef", 4) == 0);
  bl_buf_eat(&b, 4);
  CHECK_INT(bl_buf_length(&b), 0);
  bl_buf_reset(&b);
}

static void counts_what_was_added(void) {
  struct bl_buf b = {0};
  char *to;
  NEED(bl_buf_room(&b, 100, &to) == 0);
  CHECK_INT(bl_buf_length(&b), 0);
  bl_buf_added(&b, 7);
  CHECK_INT(bl_buf_length(&b), 7);
  bl_buf_reset(&b);
}

static void grows(void) {
  struct bl_buf b = {0};
  char block[1000];
  for (int i = 0; i < 100; i++) {
    memset(block, i, sizeof block);
    add(&b, block, sizeof block);
    if (i % 3 == 0) bl_buf_eat(&b, 500);
  }
  CHECK_INT(bl_buf_length(&b), 100 * 1000 - 34 * 500);
  for (int i = 17; bl_buf_length(&b) > 0; i++) { /* 34 * 500 / 1000 */
    memset(block, i, sizeof block);
    CHECK(memcmp(bl_buf_front(&b), block, sizeof block) == 0);
    bl_buf_eat(&b, sizeof block);
  }
  bl_buf_reset(&b);
}

/* What is eaten makes room: a stream read and eaten in turn stays small. */
static void reuses_its_room(void) {
  struct bl_buf b = {0};
  for (int i = 0; i < 1000; i++) {
    add(&b, "0123456789", 10);
    bl_buf_eat(&b, 9);
    if (i % 100 == 99) bl_buf_eat(&b, bl_buf_length(&b));
  }
  CHECK_INT(b.size, 4096);
  bl_buf_reset(&b);
}

static void refuses_the_impossible(void) {
  struct bl_buf b = {0};
  char *to = NULL;
  add(&b, "x", 1);
  CHECK_INT(bl_buf_room(&b, SIZE_MAX, &to), -ENOMEM);
  CHECK_INT(bl_buf_room(&b, SIZE_MAX / 2, &to), -ENOMEM);
  CHECK(to == NULL);
  CHECK_INT(bl_buf_length(&b), 1);
  CHECK(bl_buf_front(&b)[0] == 'x');
  bl_buf_reset(&b);
}

static void works_after_reset(void) {
  struct bl_buf b = {0};
  add(&b, "x", 1);
  bl_buf_reset(&b);
  CHECK_INT(bl_buf_length(&b), 0);
  add(&b, "y", 1);
  CHECK(bl_buf_front(&b)[0] == 'y');
  bl_buf_reset(&b);
}

static void grows_concealed(void) {
  struct bl_buf b = {0};
  bl_buf_conceal(&b);
  for (int i = 0; i < 1000; i++) add(&b, "0123456789", 10);
  bl_buf_eat(&b, 9990);
  CHECK(memcmp(bl_buf_front(&b), "0123456789", 10) == 0);
  bl_buf_reset(&b);
  CHECK_INT(b.secret, 0);
}

CHECK_MAIN({"a zero-initialised buffer is empty", starts_empty},
           {"what was added first is eaten first", keeps_order},
           {"room counts once it was filled", counts_what_was_added},
           {"a buffer grows with what it holds", grows},
           {"a concealed buffer grows too", grows_concealed},
           {"the room of what was eaten is used again", reuses_its_room},
           {"a size no memory has is refused, nothing changed",
            refuses_the_impossible},
           {"a buffer that was reset is usable", works_after_reset})
