/* SPDX-License-Identifier: MIT */
/* What a message already holds: addresses of tables, functions and upvalues,
 * and the ordinal that each has there. The first few stand in the struct, more
 * in a userdata on the Lua stack. */
#ifndef BILLIARD_LSEEN_H
#define BILLIARD_LSEEN_H

#include "bindings/compat.h"
#include "runtime/base.h"

struct bl_lseen_entry {
  const void *key;  /* null: free */
  uint32_t ordinal;
  uint16_t upvalue; /* an upvalue: its index in the function `ordinal` */
  uint16_t open;    /* an object whose value is still being written */
};

enum { BL_LSEEN_FEW = 32 }; /* a power of two */

struct bl_lseen {
  struct bl_lseen_entry *entries;
  size_t size, used; /* size is a power of two */
  int slot;          /* of the Lua stack, for the userdata */
  struct bl_lseen_entry few[BL_LSEEN_FEW];
};

void bl_lseen_init(struct bl_lseen *s, int slot);

/* Null when it has not been added. */
struct bl_lseen_entry *bl_lseen_find(struct bl_lseen *s, const void *key);

/* Adds a key that is not there; the entry is the caller's to fill, and moves
 * with the next one. May raise for lack of memory. */
struct bl_lseen_entry *bl_lseen_add(lua_State *L, struct bl_lseen *s,
                                    const void *key);

#endif
