/* SPDX-License-Identifier: MIT */
#include "runtime/unpack.h"

/* How the bytes behind a first byte are read. */
enum form {
  NONE,
  FIXED,
  UNSIGNED,
  SIGNED,
  SINGLE,
  DOUBLE,
  BYTES,
  COUNT,
  TYPED
};

struct shape {
  unsigned char form, kind;
  unsigned char size;  /* of the number behind the first byte */
  unsigned char value; /* FIXED: the value; TYPED without a number: the size */
};

#define BOTH(first, ...) [first] = {__VA_ARGS__}
static const struct shape shapes[] = {
    BOTH(0xc0, FIXED, BL_UNPACK_NIL, 0, 0),
    BOTH(0xc2, FIXED, BL_UNPACK_BOOLEAN, 0, 0),
    BOTH(0xc3, FIXED, BL_UNPACK_BOOLEAN, 0, 1),
    BOTH(0xc4, BYTES, BL_UNPACK_STRING, 1, 0),
    BOTH(0xc5, BYTES, BL_UNPACK_STRING, 2, 0),
    BOTH(0xc6, BYTES, BL_UNPACK_STRING, 4, 0),
    BOTH(0xc7, TYPED, BL_UNPACK_EXTENSION, 1, 0),
    BOTH(0xc8, TYPED, BL_UNPACK_EXTENSION, 2, 0),
    BOTH(0xc9, TYPED, BL_UNPACK_EXTENSION, 4, 0),
    BOTH(0xca, SINGLE, BL_UNPACK_FLOAT, 4, 0),
    BOTH(0xcb, DOUBLE, BL_UNPACK_FLOAT, 8, 0),
    BOTH(0xcc, UNSIGNED, BL_UNPACK_INTEGER, 1, 0),
    BOTH(0xcd, UNSIGNED, BL_UNPACK_INTEGER, 2, 0),
    BOTH(0xce, UNSIGNED, BL_UNPACK_INTEGER, 4, 0),
    BOTH(0xcf, UNSIGNED, BL_UNPACK_INTEGER, 8, 0),
    BOTH(0xd0, SIGNED, BL_UNPACK_INTEGER, 1, 0),
    BOTH(0xd1, SIGNED, BL_UNPACK_INTEGER, 2, 0),
    BOTH(0xd2, SIGNED, BL_UNPACK_INTEGER, 4, 0),
    BOTH(0xd3, SIGNED, BL_UNPACK_INTEGER, 8, 0),
    BOTH(0xd4, TYPED, BL_UNPACK_EXTENSION, 0, 1),
    BOTH(0xd5, TYPED, BL_UNPACK_EXTENSION, 0, 2),
    BOTH(0xd6, TYPED, BL_UNPACK_EXTENSION, 0, 4),
    BOTH(0xd7, TYPED, BL_UNPACK_EXTENSION, 0, 8),
    BOTH(0xd8, TYPED, BL_UNPACK_EXTENSION, 0, 16),
    BOTH(0xd9, BYTES, BL_UNPACK_STRING, 1, 0),
    BOTH(0xda, BYTES, BL_UNPACK_STRING, 2, 0),
    BOTH(0xdb, BYTES, BL_UNPACK_STRING, 4, 0),
    BOTH(0xdc, COUNT, BL_UNPACK_ARRAY, 2, 0),
    BOTH(0xdd, COUNT, BL_UNPACK_ARRAY, 4, 0),
    BOTH(0xde, COUNT, BL_UNPACK_MAP, 2, 0),
    BOTH(0xdf, COUNT, BL_UNPACK_MAP, 4, 0),
};
#undef BOTH

/* Moves past n bytes; null where they are not there. */
static inline const char *take(struct bl_unpack *u, size_t n) {
  if ((size_t)(u->end - u->at) < n) return NULL;
  const char *bytes = u->at;
  u->at += n;
  return bytes;
}

/* The size bytes at `bytes` as the top of a word: the caller shifts. A whole
 * word is read where there is one. */
static inline uint64_t top(const char *bytes, size_t size, const char *end) {
  uint64_t big = 0;
  if ((size_t)(end - bytes) >= sizeof big) memcpy(&big, bytes, sizeof big);
  else memcpy(&big, bytes, size);
  return be64toh(big);
}

static int string(struct bl_unpack *u, struct bl_unpack_item *item, size_t n) {
  item->kind = BL_UNPACK_STRING;
  item->size = n;
  item->bytes = take(u, n);
  return item->bytes ? 0 : BL_EBADFRAME;
}

/* Each value takes a byte at least: a larger claim is a lie. */
static int count(struct bl_unpack *u, struct bl_unpack_item *item,
                 enum bl_unpack_kind kind, size_t n) {
  size_t left = (size_t)(u->end - u->at);
  item->kind = kind;
  item->size = n;
  return n <= (kind == BL_UNPACK_MAP ? left / 2 : left) ? 0 : BL_EBADFRAME;
}

static int extension(struct bl_unpack *u, struct bl_unpack_item *item,
                     size_t n) {
  const char *type = take(u, 1);
  if (!type || (size_t)(u->end - u->at) < n) return BL_EBADFRAME;
  item->type = (signed char)*type;
  item->size = n;
  return 0;
}

static double single(uint64_t bits) {
  uint32_t half = (uint32_t)bits;
  float value;
  memcpy(&value, &half, sizeof value);
  return value;
}

static int shaped(struct bl_unpack *u, struct bl_unpack_item *item,
                  const struct shape *s) {
  const char *bytes = take(u, s->size);
  if (!bytes) return BL_EBADFRAME;
  uint64_t high = s->size ? top(bytes, s->size, u->end) : 0;
  unsigned shift = s->size ? 64u - 8u * s->size : 0;
  uint64_t n = high >> shift;
  item->kind = s->kind;
  switch ((enum form)s->form) {
    case FIXED: item->integer = s->value; return 0;
    case UNSIGNED:
      item->integer = (int64_t)n;
      return n <= INT64_MAX ? 0 : BL_EBADFRAME;
    case SIGNED: item->integer = (int64_t)high >> shift; return 0;
    case SINGLE: item->number = single(n); return 0;
    case DOUBLE: memcpy(&item->number, &n, sizeof n); return 0;
    case BYTES: return string(u, item, n);
    case COUNT: return count(u, item, s->kind, n);
    case TYPED: return extension(u, item, s->size ? n : s->value);
    case NONE: break;
  }
  return BL_EBADFRAME;
}

int bl_unpack_any(struct bl_unpack *u, struct bl_unpack_item *item) {
  const char *first = take(u, 1);
  if (!first) return BL_EBADFRAME;
  unsigned c = (unsigned char)*first;
  if (c < 0x80 || c >= 0xe0) { /* the byte is the number */
    item->kind = BL_UNPACK_INTEGER;
    item->integer = (signed char)c;
    return 0;
  }
  if (c < 0x90) return count(u, item, BL_UNPACK_MAP, c & 15);
  if (c < 0xa0) return count(u, item, BL_UNPACK_ARRAY, c & 15);
  if (c < 0xc0) return string(u, item, c & 31);
  return shaped(u, item, &shapes[c]);
}

int bl_unpack_is_flat(struct bl_unpack u, size_t n) {
  struct bl_unpack_item it;
  for (; n > 0; n--)
    if (bl_unpack_next(&u, &it) < 0 || it.kind > BL_UNPACK_STRING) return 0;
  return u.at == u.end;
}
