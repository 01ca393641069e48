/* SPDX-License-Identifier: MIT */
/* The path to a value inside another, put together from its end on the way
 * out of a recursion: "args[2].socket". What does not fit is "..." in front. */
#ifndef BILLIARD_LPATH_H
#define BILLIARD_LPATH_H

#include "bindings/compat.h"

struct bl_lpath {
  size_t at; /* where in text it begins */
  int full;
  char text[256];
};

void bl_lpath_init(struct bl_lpath *p);

/* Each puts a step before what is there: n characters; "[i]"; the key at the
 * index of L's stack, as ".name", "[\"a name\"]", "[3]" or "[table]". */
void bl_lpath_text(struct bl_lpath *p, const char *text, size_t n);
void bl_lpath_number(struct bl_lpath *p, lua_Integer i);
void bl_lpath_key(struct bl_lpath *p, lua_State *L, int index);

#endif
