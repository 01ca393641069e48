/* SPDX-License-Identifier: MIT */
/* What reading and writing p.key means: properties, methods of the class, the
 * user's own fields, in this order. */
#ifndef BILLIARD_LPROPERTY_H
#define BILLIARD_LPROPERTY_H

#include "bindings/compat.h"

/* Sets a field of the Process at index ud from the key at `key` and the value
 * on top, which are popped; raises for names that mean something else. */
void bl_lproperty_set_field(lua_State *L, int ud, int key);

/* Adds __index, __newindex and __tostring to the metatable of Process. */
void bl_lproperty_open(lua_State *L);

#endif
