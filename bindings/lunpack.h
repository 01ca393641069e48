/* SPDX-License-Identifier: MIT */
/* Inspected messages (runtime/inspect.h) to Lua values. The functions here
 * raise where a message cannot be built: lcodec.c catches it, and what was
 * built so far is garbage that nothing else has seen. */
#ifndef BILLIARD_LUNPACK_H
#define BILLIARD_LUNPACK_H

#include "bindings/compat.h"
#include "runtime/inspect.h"
#include "runtime/unpack.h"

struct bl_lunpack {
  lua_State *L;
  struct bl_unpack in;
  enum bl_profile profile;
  int error;       /* the code, should it raise */
  int refs;        /* stack slot: table ordinal -> value; 0: nothing refers */
  size_t ordinals;
};

/* Pushes the value that begins at u->in.at and moves behind it. */
void bl_lunpack_value(struct bl_lunpack *u);

/* ---- for lfunction.c ---- */

void bl_lunpack_next(struct bl_lunpack *u, struct bl_unpack_item *item);

/* The next ordinal; then keeps the value on top as what has it. */
size_t bl_lunpack_number(struct bl_lunpack *u);
void bl_lunpack_keep(struct bl_lunpack *u, size_t ordinal);

/* Pushes the value that has the ordinal. */
void bl_lunpack_reference(struct bl_lunpack *u, uint64_t ordinal);

#endif
