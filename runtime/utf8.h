/* SPDX-License-Identifier: MIT */
/* Tells UTF-8 (RFC 3629: no surrogates, no long forms, up to U+10FFFF) from
 * other bytes, piece by piece. */
#ifndef BILLIARD_UTF8_H
#define BILLIARD_UTF8_H

#include "runtime/base.h"

/* Zero-initialised is the beginning of a text. */
struct bl_utf8 {
  int missing;            /* bytes that the character begun still needs */
  unsigned char low, high; /* what the next of them may be */
};

/* Goes on with n bytes; 1 while all is well, else 0, and then for good only
 * if the caller stops asking. A text is whole where nothing is missing. */
int bl_utf8_next(struct bl_utf8 *u, const char *bytes, size_t n);

#endif
