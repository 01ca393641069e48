/* SPDX-License-Identifier: MIT */
/* Reads the wire format that pack.h describes, an item at a time. A whole
 * message is inspected first (inspect.h). Forms longer than needed are legal
 * in MessagePack, and read as such. */
#ifndef BILLIARD_UNPACK_H
#define BILLIARD_UNPACK_H

#include <endian.h>
#include <string.h>

#include "runtime/base.h"

enum bl_unpack_kind {
  BL_UNPACK_NIL,
  BL_UNPACK_BOOLEAN,
  BL_UNPACK_INTEGER,
  BL_UNPACK_FLOAT,
  BL_UNPACK_STRING,   /* str or bin */
  BL_UNPACK_ARRAY,    /* size values follow */
  BL_UNPACK_MAP,      /* size times a key and a value follow */
  BL_UNPACK_EXTENSION /* its payload of size bytes follows */
};

struct bl_unpack_item { /* what a kind does not say of itself is undefined */
  enum bl_unpack_kind kind;
  int type;          /* of an extension, -128 to 127 */
  size_t size;       /* bytes, values, or pairs */
  int64_t integer;   /* booleans: 0 or 1 */
  double number;
  const char *bytes; /* of a string, within the message */
};

struct bl_unpack {
  const char *at, *end;
};

/* The next item, of whatever form. */
int bl_unpack_any(struct bl_unpack *u, struct bl_unpack_item *item);

/* An integer whose first byte, c, says that it is not negative and has 1, 2, 4
 * or 8 bytes, where a whole word can be read behind that. */
static inline int bl_unpack_unsigned(struct bl_unpack *u,
                                     struct bl_unpack_item *item, unsigned c) {
  uint64_t big;
  unsigned size = 1u << (c & 3);
  memcpy(&big, u->at + 1, sizeof big);
  item->kind = BL_UNPACK_INTEGER;
  item->integer = (int64_t)(be64toh(big) >> (64 - 8 * size));
  u->at += 1 + size;
  return item->integer < 0 ? BL_EBADFRAME : 0;
}

/* Takes the next item: 0, or BL_EBADFRAME where what is left is no item, or
 * an item that claims more than is left. An integer above 2^63 - 1 is none.
 * Integers and short strings are most of what there is. */
static inline int bl_unpack_next(struct bl_unpack *u,
                                 struct bl_unpack_item *item) {
  size_t left = (size_t)(u->end - u->at);
  unsigned c = left ? (unsigned char)*u->at : 0;
  if (left && c < 0x80) {
    item->kind = BL_UNPACK_INTEGER;
    item->integer = (int64_t)c;
    u->at++;
    return 0;
  }
  if ((c & 0xfc) == 0xcc && left > sizeof item->integer)
    return bl_unpack_unsigned(u, item, c);
  if ((c & 0xe0) != 0xa0 || left <= (c & 31)) return bl_unpack_any(u, item);
  item->kind = BL_UNPACK_STRING;
  item->size = c & 31;
  item->bytes = u->at + 1;
  u->at += 1 + item->size;
  return 0;
}

/* Is that which is left n items without parts, and nothing else? */
int bl_unpack_is_flat(struct bl_unpack u, size_t n);

#endif
