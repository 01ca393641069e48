/* SPDX-License-Identifier: MIT */
/* The one queue of a test, and messages that are strings. */
#ifndef ONEQUEUE_H
#define ONEQUEUE_H

#include "runtime/queue.h"
#include "spec/native/check.h"

static struct bl_queue *q;
static struct bl_buf got;

static inline int open_queue(uint64_t maxsize, int joinable) {
  return CHECK_INT(bl_queue_new(maxsize, joinable, &q), 0);
}

static inline void close_queue(void) {
  q = bl_queue_free(q);
  bl_buf_reset(&got);
}

static inline int put_bytes(const void *bytes, size_t n, int64_t deadline_ns) {
  struct iovec part = {(void *)(uintptr_t)bytes, n};
  return bl_queue_put(q, &part, 1, deadline_ns);
}

static inline int put(const char *text) {
  return put_bytes(text, strlen(text), 0);
}

/* The next message as a string; "(timeout)" and so on when there is none. */
static inline const char *get(int64_t deadline_ns) {
  static char text[64];
  bl_buf_cut(&got, 0);
  int r = bl_queue_get(q, &got, deadline_ns);
  snprintf(text, sizeof text, "%.*s", (int)bl_buf_length(&got),
           bl_buf_front(&got));
  if (r < 0) snprintf(text, sizeof text, "(%d)", -r);
  return text;
}

static inline const char *word(int error) {
  static char text[16];
  snprintf(text, sizeof text, "(%d)", -error);
  return text;
}

#endif
