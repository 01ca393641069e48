/* SPDX-License-Identifier: MIT */
/* Lists of a length that is known, made in one piece: table.move would grow
 * them again and again. */
#include "bindings/lpool_impl.h"

enum { ROOM_MAX = 1 << 24 }; /* at once; who says more may be wrong */

/* Pushes a list with room for n. */
static void make(lua_State *L, lua_Integer n, int others) {
  lua_createtable(L, (int)(n < 0 ? 0 : n < ROOM_MAX ? n : ROOM_MAX), others);
}

static void set_n(lua_State *L, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
}

/* pool_list(n): an empty list with n */
static int pool_list(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  make(L, n, 1);
  set_n(L, n);
  return 1;
}

/* pool_slice(list, first, last): those items as a list, with n where some are
 * nil: a list without is sent in half the bytes. */
static int pool_slice(lua_State *L) {
  lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
  int holes = 0;
  make(L, last - first + 1, 0);
  for (lua_Integer i = first; i <= last; i++) {
    holes |= lua_geti(L, 1, i) == LUA_TNIL;
    lua_rawseti(L, 4, i - first + 1);
  }
  if (holes) set_n(L, last - first + 1);
  return 1;
}

void bl_lpool_open_lists(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"pool_list", pool_list}, {"pool_slice", pool_slice}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
