/* SPDX-License-Identifier: MIT */
#include "bindings/lclass.h"

#include <string.h>

#include "bindings/lhandle.h"
#include "runtime/self.h"

void *bl_lclass_new(lua_State *L, const struct bl_lclass *class, int n) {
  const struct bl_lclass **u = bl_compat_newuserdata(L, class->size, n);
  memset(u, 0, class->size);
  bl_self_remember(); /* most of their calls ask whose they are */
  *u = class;
  luaL_setmetatable(L, class->full);
  return u;
}

void *bl_lclass_check(lua_State *L, int index, const struct bl_lclass *class) {
  void *u = bl_lclass_test(L, index, class);
  return u ? u : luaL_checkudata(L, index, class->full);
}

void bl_lclass_open(lua_State *L, const struct bl_lclass *class,
                    const luaL_Reg *methods, const luaL_Reg *metamethods,
                    const struct bl_lhandle_type *handle) {
  luaL_getsubtable(L, -1, "methods"); /* core classes */
  luaL_newmetatable(L, class->full);
  lua_newtable(L); /* core classes mt methods */
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, class->name);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
  luaL_setfuncs(L, metamethods, 1); /* may have an __index of its own */
  if (handle) bl_lhandle_add(L, handle);
  lua_pop(L, 2);
}
