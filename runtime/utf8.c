/* SPDX-License-Identifier: MIT */
#include "runtime/utf8.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080u

/* The first of n bytes that is not ASCII, or n. */
static size_t ascii(const char *bytes, size_t n) {
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    uint64_t words[4];
    memcpy(words, bytes + i, sizeof words);
    if ((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS) break;
  }
  while (i < n && !(bytes[i] & 0x80)) i++;
  return i;
}

/* The first byte of a character says how many follow, and what the first of
 * those may be: that is where long forms and surrogates are seen. */
static int begin(struct bl_utf8 *u, unsigned char c) {
  u->low = 0x80, u->high = 0xbf;
  if (c < 0x80) return 1;
  if (c < 0xc2 || c > 0xf4) return 0;
  u->missing = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
  if (c == 0xe0) u->low = 0xa0;
  if (c == 0xed) u->high = 0x9f;
  if (c == 0xf0) u->low = 0x90;
  if (c == 0xf4) u->high = 0x8f;
  return 1;
}

static int go_on(struct bl_utf8 *u, unsigned char c) {
  if (c < u->low || c > u->high) return 0;
  u->low = 0x80, u->high = 0xbf;
  u->missing--;
  return 1;
}

int bl_utf8_next(struct bl_utf8 *u, const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (u->missing == 0) i += ascii(bytes + i, n - i);
    if (i == n) break;
    unsigned char c = (unsigned char)bytes[i];
    if (!(u->missing ? go_on(u, c) : begin(u, c))) return 0;
  }
  return 1;
}
