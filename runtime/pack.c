/* SPDX-License-Identifier: MIT */
#include "runtime/pack.h"

#include <endian.h>
#include <string.h>

#include "runtime/utf8.h"

/* First bytes. Those with a length come as three: 8, 16 and 32 bits. */
enum {
  NIL = 0xc0,
  FALSE = 0xc2,
  TRUE = 0xc3,
  BINARY = 0xc4,
  BINARY32 = 0xc6,
  EXTENSION32 = 0xc9,
  DOUBLE = 0xcb,
  UNSIGNED = 0xcc,
  SIGNED = 0xd0,
  STRING = 0xd9,
  ARRAY16 = 0xdc,
  MAP16 = 0xde,
  FIXED_MAP = 0x80,
  FIXED_ARRAY = 0x90,
  FIXED_STRING = 0xa0
};

enum { HEADER_MAX = 9, PIECE = 16384 };

static inline int room(struct bl_buf *b, size_t n, char **to) {
  if (b->size - b->end < n) return bl_buf_room(b, n, to);
  *to = b->data + b->end;
  return 0;
}

/* Writes first and the low `size` bytes of value behind it; their number. */
static inline size_t put(char *to, int first, uint64_t value, size_t size) {
  uint64_t big = htobe64(value);
  to[0] = (char)first;
  memcpy(to + 1, (const char *)&big + 8 - size, size);
  return 1 + size;
}

/* The same where HEADER_MAX bytes may be written over: a whole word at once. */
static inline size_t put_wide(char *to, int first, uint64_t value,
                              size_t size) {
  uint64_t big = size > 0 ? htobe64(value << (64 - 8 * size)) : 0;
  to[0] = (char)first;
  memcpy(to + 1, &big, sizeof big);
  return 1 + size;
}

static inline int header(struct bl_buf *b, int first, uint64_t value,
                         size_t size) {
  char *to;
  int r = room(b, HEADER_MAX, &to);
  if (r < 0) return r;
  b->end += put_wide(to, first, value, size);
  return 0;
}

int bl_pack_nil(struct bl_buf *b) { return header(b, NIL, 0, 0); }

int bl_pack_boolean(struct bl_buf *b, int value) {
  return header(b, value ? TRUE : FALSE, 0, 0);
}

int bl_pack_float(struct bl_buf *b, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return header(b, DOUBLE, bits, 8);
}

/* The exponent e of the 2^e bytes that hold the number: 0 to 3. */
static int exponent(uint64_t n) {
  return n <= UINT8_MAX ? 0 : n <= UINT16_MAX ? 1 : n <= UINT32_MAX ? 2 : 3;
}

int bl_pack_integer(struct bl_buf *b, int64_t value) {
  uint64_t bits = (uint64_t)value;
  if (value >= -32 && value < 128) return header(b, (int)(bits & 0xff), 0, 0);
  if (value >= 0) {
    int e = exponent(bits);
    return header(b, UNSIGNED + e, bits, (size_t)1 << e);
  }
  /* one bit more, for the sign */
  int e = exponent(~bits * 2);
  return header(b, SIGNED + e, bits, (size_t)1 << e);
}

static int counted(struct bl_buf *b, int fixed, int first16, size_t n) {
  if (n < 16) return header(b, fixed | (int)n, 0, 0);
  if (n <= UINT16_MAX) return header(b, first16, n, 2);
  if (n <= UINT32_MAX) return header(b, first16 + 1, n, 4);
  return BL_ETOOBIG;
}

int bl_pack_array(struct bl_buf *b, size_t n) {
  return counted(b, FIXED_ARRAY, ARRAY16, n);
}

int bl_pack_map(struct bl_buf *b, size_t n) {
  return counted(b, FIXED_MAP, MAP16, n);
}

/* ---- strings ---- */

int bl_pack_binary(struct bl_buf *b, size_t n) {
  if (n > UINT32_MAX) return BL_ETOOBIG;
  return header(b, BINARY32, n, 4);
}

/* Copies, and looks at each piece while the cache holds it. */
static int copy_is_text(char *to, const char *from, size_t n) {
  struct bl_utf8 u = {0};
  int text = 1;
  for (size_t i = 0; i < n; i += PIECE) {
    size_t piece = n - i < PIECE ? n - i : PIECE;
    memcpy(to + i, from + i, piece);
    text = text && bl_utf8_next(&u, from + i, piece);
  }
  return text && u.missing == 0;
}

static int short_string(struct bl_buf *b, const char *bytes, size_t n) {
  char *to;
  int r = room(b, n + 2, &to);
  if (r < 0) return r;
  struct bl_utf8 u = {0};
  int text = bl_utf8_next(&u, bytes, n) && u.missing == 0;
  size_t size = text ? put(to, FIXED_STRING | (int)n, 0, 0)
                     : put(to, BINARY, n, 1);
  memcpy(to + size, bytes, n);
  bl_buf_added(b, size + n);
  return 0;
}

int bl_pack_string(struct bl_buf *b, const char *bytes, size_t n) {
  if (n < 32) return short_string(b, bytes, n);
  if (n > UINT32_MAX) return BL_ETOOBIG;
  char *to;
  int e = exponent(n);
  size_t size = (size_t)1 << e;
  int r = room(b, 1 + size + n, &to);
  if (r < 0) return r;
  int text = copy_is_text(to + 1 + size, bytes, n);
  put(to, (text ? STRING : BINARY) + e, n, size);
  bl_buf_added(b, 1 + size + n);
  return 0;
}

int bl_pack_raw(struct bl_buf *b, const void *bytes, size_t n) {
  char *to;
  int r = room(b, n, &to);
  if (r < 0) return r;
  memcpy(to, bytes, n);
  bl_buf_added(b, n);
  return 0;
}

/* ---- sizes that are known later ---- */

static char *at(struct bl_buf *b, size_t mark) {
  return b->data + b->start + mark;
}

int bl_pack_open_map(struct bl_buf *b, size_t *mark) {
  size_t here = bl_buf_length(b);
  int r = header(b, FIXED_MAP, 0, 0);
  if (r == 0) *mark = here;
  return r;
}

/* The header takes 1 byte for 15 pairs, 3 for 65535, then 5: what stands
 * behind it is moved while there is little of it. */
int bl_pack_next_pair(struct bl_buf *b, size_t mark, size_t n) {
  if (n != 16 && n != UINT16_MAX + 1) return 0;
  char *to;
  int r = room(b, 2, &to);
  if (r < 0) return r;
  char *from = at(b, mark) + (n == 16 ? 1 : 3);
  memmove(from + 2, from, (size_t)(to - from));
  bl_buf_added(b, 2);
  return 0;
}

void bl_pack_close_map(struct bl_buf *b, size_t mark, size_t n) {
  if (n < 16) put(at(b, mark), FIXED_MAP | (int)n, 0, 0);
  else if (n <= UINT16_MAX) put(at(b, mark), MAP16, n, 2);
  else put(at(b, mark), MAP16 + 1, n, 4);
}

int bl_pack_binary_head(struct bl_buf *b, size_t n) {
  return n > UINT32_MAX ? BL_ETOOBIG : header(b, BINARY32, n, 4);
}

int bl_pack_open_binary(struct bl_buf *b, size_t *mark) {
  size_t here = bl_buf_length(b);
  int r = header(b, BINARY32, 0, 4);
  if (r == 0) *mark = here;
  return r;
}

int bl_pack_open_extension(struct bl_buf *b, enum bl_pack_extension type,
                           size_t *mark) {
  size_t here = bl_buf_length(b);
  /* first byte, four of the length, the type */
  int r = header(b, EXTENSION32, (uint64_t)type, 5);
  if (r == 0) *mark = here;
  return r;
}

int bl_pack_close(struct bl_buf *b, size_t mark) {
  char *to = at(b, mark);
  int first = (unsigned char)to[0];
  size_t before = first == EXTENSION32 ? 6 : 5;
  size_t n = bl_buf_length(b) - mark - before;
  if (n > UINT32_MAX) return BL_ETOOBIG;
  put(to, first, n, 4);
  return 0;
}
