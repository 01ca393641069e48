/* SPDX-License-Identifier: MIT */
/* Classes of userdata that are told apart without a look into the registry,
 * for methods that take no longer than that look: the userdata begins with
 * the address of its class. */
#ifndef BILLIARD_LCLASS_H
#define BILLIARD_LCLASS_H

#include "bindings/compat.h"

struct bl_lclass {
  const char *name; /* "Lock"; of the metatable: full, "billiard.Lock" */
  const char *full;
  size_t size; /* of the userdata, which no other type of ours has to share */
};

/* Pushes zeroed userdata of the class with n values of its own. */
void *bl_lclass_new(lua_State *L, const struct bl_lclass *class, int n);

/* The userdata at index, null when it is something else. */
static inline void *bl_lclass_test(lua_State *L, int index,
                                   const struct bl_lclass *class) {
  const struct bl_lclass **u = lua_touserdata(L, index);
  return u && lua_rawlen(L, index) == class->size && *u == class ? u : NULL;
}

/* The same, which raises. */
void *bl_lclass_check(lua_State *L, int index, const struct bl_lclass *class);

struct bl_lhandle_type;

/* Makes the class's metatable; with the core on top, whose `methods` gets the
 * methods under the class's name, for the Lua half to complete. Metamethods
 * have them as upvalue 1. handle: how it travels; null: it does not. */
void bl_lclass_open(lua_State *L, const struct bl_lclass *class,
                    const luaL_Reg *methods, const luaL_Reg *metamethods,
                    const struct bl_lhandle_type *handle);

#endif
