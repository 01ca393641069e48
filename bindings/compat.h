/* SPDX-License-Identifier: MIT */
/* All of Lua's C API that only 5.4 has, in one place, and what its patch
 * releases call differently. The rest of bindings/ keeps to 5.1's API plus
 * these. */
#ifndef BILLIARD_COMPAT_H
#define BILLIARD_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

/* Userdata with n values of its own, all nil. */
static inline void *bl_compat_newuserdata(lua_State *L, size_t size, int n) {
  return lua_newuserdatauv(L, size, n);
}

/* Pushes it; 0, and nil, where there is none of that number. */
static inline int bl_compat_getvalue(lua_State *L, int index, int n) {
  return lua_getiuservalue(L, index, n) != LUA_TNONE;
}

static inline void bl_compat_setvalue(lua_State *L, int index, int n) {
  lua_setiuservalue(L, index, n);
}

/* The value at index, the highest slot that is, is closed when the C function
 * returns or an error leaves it. */
static inline void bl_compat_toclose(lua_State *L, int index) {
  lua_toclose(L, index);
}

/* Ends a coroutine that raised: runs its pending <close> variables and leaves
 * the error on top of its stack. */
static inline int bl_compat_closethread(lua_State *L, lua_State *co) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, L);
#else
  (void)L;
  return lua_resetthread(co);
#endif
}

#endif
