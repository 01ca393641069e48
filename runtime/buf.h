/* SPDX-License-Identifier: MIT */
/* A queue of bytes: grows at the back, is eaten from the front.
 * Zero-initialised is empty; who holds the struct owns the memory. */
#ifndef BILLIARD_BUF_H
#define BILLIARD_BUF_H

#include "runtime/base.h"

struct bl_buf {
  char *data;
  size_t start; /* first byte not yet eaten */
  size_t end;   /* behind the last one */
  size_t size;  /* allocated */
  int secret;   /* see bl_buf_conceal() */
};

/* Makes room for n more bytes and points *to at it; 0 or -ENOMEM. The bytes
 * count once bl_buf_added() was told how many were written. */
BL_API int bl_buf_room(struct bl_buf *b, size_t n, char **to);
BL_API void bl_buf_added(struct bl_buf *b, size_t n);

size_t bl_buf_length(const struct bl_buf *b);
const char *bl_buf_front(const struct bl_buf *b);
void bl_buf_eat(struct bl_buf *b, size_t n);

/* Drops what stands behind the first `length` bytes. */
void bl_buf_cut(struct bl_buf *b, size_t length);

/* From here on, until the reset, memory that it gives back is wiped. */
void bl_buf_conceal(struct bl_buf *b);

/* Frees the memory; the buffer is empty and usable again. */
void bl_buf_reset(struct bl_buf *b);

#endif
