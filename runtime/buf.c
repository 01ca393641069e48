/* SPDX-License-Identifier: MIT */
#include "runtime/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void to_the_front(struct bl_buf *b) {
  memmove(b->data, b->data + b->start, b->end - b->start);
  b->end -= b->start;
  b->start = 0;
}

static char *resize(struct bl_buf *b, size_t size) {
  if (!b->secret || !b->data) return realloc(b->data, size);
  char *data = malloc(size);
  if (!data) return NULL;
  memcpy(data, b->data, b->end);
  explicit_bzero(b->data, b->size);
  free(b->data);
  return data;
}

int bl_buf_room(struct bl_buf *b, size_t n, char **to) {
  if (b->start > 0) to_the_front(b);
  if (n > SIZE_MAX / 2 - b->end) return -ENOMEM;
  if (b->end + n > b->size) {
    size_t size = b->size ? b->size : 4096;
    while (size < b->end + n) size *= 2;
    char *data = resize(b, size);
    if (!data) return -ENOMEM;
    b->data = data;
    b->size = size;
  }
  *to = b->data + b->end;
  return 0;
}

void bl_buf_added(struct bl_buf *b, size_t n) { b->end += n; }

size_t bl_buf_length(const struct bl_buf *b) { return b->end - b->start; }

const char *bl_buf_front(const struct bl_buf *b) {
  return b->data ? b->data + b->start : "";
}

void bl_buf_eat(struct bl_buf *b, size_t n) {
  b->start += n;
  if (b->start == b->end) b->start = b->end = 0;
}

void bl_buf_cut(struct bl_buf *b, size_t length) { b->end = b->start + length; }

void bl_buf_conceal(struct bl_buf *b) { b->secret = 1; }

void bl_buf_reset(struct bl_buf *b) {
  if (b->secret && b->data) explicit_bzero(b->data, b->size);
  free(b->data);
  *b = (struct bl_buf){0};
}
