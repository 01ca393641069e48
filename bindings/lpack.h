/* SPDX-License-Identifier: MIT */
/* Lua values to the wire format (runtime/pack.h), straight from the stack. */
#ifndef BILLIARD_LPACK_H
#define BILLIARD_LPACK_H

#include "bindings/lwriter.h"

/* Writes the value on top and leaves it there; there may be more above it when
 * that ends early (see lwriter.h). Lua errors (no memory, what a __pack
 * raises) pass through: lcodec.c catches them. */
int bl_lpack(struct bl_lwriter *w);

/* Writes the value at index if it is nil, a boolean or a number: 0 or a
 * negative code; else 1. Raises nothing. */
int bl_lpack_scalar(lua_State *L, int index, struct bl_buf *out);

/* The same with the value on top, which is of that type, if it is such but nil,
 * or a short string. */
int bl_lpack_flat(lua_State *L, int type, struct bl_buf *out);

/* The same with the table at index, whatever its metatable, if it is a list of
 * such that are not nil, and of short strings, which are found in their
 * order. */
int bl_lpack_list(lua_State *L, int index, struct bl_buf *out);

/* The same with n items from `first` on, whatever else is in the table. */
int bl_lpack_range(lua_State *L, int index, lua_Integer first, size_t n,
                   struct bl_buf *out);

#endif
