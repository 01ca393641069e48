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

#endif
