/* SPDX-License-Identifier: MIT */
/* Inspected messages (runtime/inspect.h) to Lua values. */
#ifndef BILLIARD_LUNPACK_H
#define BILLIARD_LUNPACK_H

#include "bindings/lreader.h"

/* Pushes the value that comes next. Raises where it cannot be built: lcodec.c
 * catches that, and what was built so far nothing else has seen. */
void bl_lunpack(struct bl_lreader *r);

/* Pushes what was read if it is nil, a boolean or a number: 1; else 0. */
int bl_lunpack_scalar(lua_State *L, const struct bl_unpack_item *it);

/* ---- lists of what has no parts: scalars and strings. They need no
 * inspection, and most messages are such ---- */

/* Pushes what was read if it has no parts: 1; else 0. Most are integers. */
int bl_lunpack_no_integer(lua_State *L, const struct bl_unpack_item *it);
static inline int bl_lunpack_flat(lua_State *L,
                                  const struct bl_unpack_item *it) {
  if (it->kind != BL_UNPACK_INTEGER) return bl_lunpack_no_integer(L, it);
  lua_pushinteger(L, it->integer);
  return 1;
}

/* The bytes, if they begin a list: how many items, and *u is before them; else
 * -1. */
ptrdiff_t bl_lunpack_open(struct bl_unpack *u, const char *bytes, size_t size);

/* The n items that follow become those of the table at index from `first` on:
 * 1, if none of them has parts and nothing is behind them; else 0, and some
 * may be there. */
int bl_lunpack_fill(lua_State *L, int index, lua_Integer first, ptrdiff_t n,
                    struct bl_unpack *u);

#endif
