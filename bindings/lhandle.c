/* SPDX-License-Identifier: MIT */
#include "bindings/lhandle.h"

static const char types_key; /* metatable -> type, name -> type */

static void push_types(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key);
}

void bl_lhandle_add(lua_State *L, const struct bl_lhandle_type *type) {
  void *p = (void *)(uintptr_t)type;
  push_types(L);
  luaL_getmetatable(L, type->name);
  lua_pushlightuserdata(L, p);
  lua_rawset(L, -3);
  lua_pushlightuserdata(L, p);
  lua_setfield(L, -2, type->name);
  lua_pop(L, 1);
}

const struct bl_lhandle_type *bl_lhandle_of(lua_State *L) {
  if (!lua_getmetatable(L, -1)) return NULL;
  push_types(L);
  lua_insert(L, -2);
  lua_rawget(L, -2); /* types type? */
  const struct bl_lhandle_type *type = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return type;
}

const char *bl_lhandles_add(struct bl_lhandles *out, int fd) {
  if (out->n == BL_PACKET_FDS) return "one handle more than a message takes";
  out->fds[out->n++] = fd;
  return NULL;
}

/* What one object has must not come again for another one. */
static void check_descriptors(lua_State *L, const struct bl_lhandles_in *in) {
  for (int i = 0; i < in->n; i++)
    if (in->fds[i] < 0) luaL_error(L, "a descriptor that comes twice");
}

void bl_lhandle_take(lua_State *L, const char *type,
                     struct bl_lhandles_in *in) {
  push_types(L);
  lua_getfield(L, -1, type);
  const struct bl_lhandle_type *known = lua_touserdata(L, -1);
  lua_pop(L, 2);
  if (!known) luaL_error(L, "no handle of type '%s' is known here", type);
  check_descriptors(L, in);
  known->take(L, in);
}

void bl_lhandle_open(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &types_key);
}
