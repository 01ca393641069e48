/* SPDX-License-Identifier: MIT */
/* Metatables that travel by name: billiard.register(mt).
 *
 * With __pack(object) -> value and __unpack(value) -> object an object travels
 * as what __pack returns; with neither, a table's own fields travel and get
 * the metatable back. A type is looked up in the receiver's own registrations:
 * nothing on the wire can name what was not registered there. */
#ifndef BILLIARD_LTYPE_H
#define BILLIARD_LTYPE_H

#include "bindings/compat.h"

/* Registers the metatable on top under a name; how its fields say it travels
 * is looked up when it does. */
void bl_ltype_add(lua_State *L, const char *name);

/* Pushes the name of the metatable on top; 0 and nothing when it has none. */
int bl_ltype_name(lua_State *L);

/* Pushes the metatable of that name; raises when there is none. */
void bl_ltype_metatable(lua_State *L, const char *name);

/* Pushes a raw field of the metatable on top: 1 when it is a function, else 0
 * and nothing is pushed. */
int bl_ltype_method(lua_State *L, const char *method);

/* Adds register to the table on top, and registers billiard.Error. */
void bl_ltype_open(lua_State *L);

#endif
