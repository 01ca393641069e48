/* SPDX-License-Identifier: MIT */
#include "bindings/lpool_impl.h"

enum { ROOM_MAX = 1 << 24 }; /* at once; who says more may be wrong */

/* pool_list(n): an empty list with n, made in one piece: it would grow again
 * and again. */
static int pool_list(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  lua_createtable(L, (int)(n < 0 ? 0 : n < ROOM_MAX ? n : ROOM_MAX), 1);
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  return 1;
}

void bl_lpool_open_lists(lua_State *L) {
  lua_pushcfunction(L, pool_list);
  lua_setfield(L, -2, "pool_list");
}
