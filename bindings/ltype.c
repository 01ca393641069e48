/* SPDX-License-Identifier: MIT */
#include "bindings/ltype.h"

#include <string.h>

#include "bindings/lerror.h"

static const char types_key; /* name -> metatable, metatable -> name */
static const char until_key; /* name -> true: a module may register its own */

static void push_types(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key);
}

void bl_ltype_add(lua_State *L, const char *name) {
  push_types(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, name);
  lua_pushvalue(L, -2);
  lua_pushstring(L, name);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

int bl_ltype_name(lua_State *L) {
  push_types(L);
  lua_pushvalue(L, -2);
  lua_rawget(L, -2); /* mt types name */
  lua_remove(L, -2);
  if (!lua_isnil(L, -1)) return 1;
  lua_pop(L, 1);
  return 0;
}

void bl_ltype_metatable(lua_State *L, const char *name) {
  push_types(L);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  if (!lua_istable(L, -1))
    luaL_error(L, "no type named '%s' is registered here", name);
}

int bl_ltype_method(lua_State *L, const char *method) {
  lua_pushstring(L, method);
  if (lua_rawget(L, -2) == LUA_TFUNCTION) return 1;
  lua_pop(L, 1);
  return 0;
}

static int has(lua_State *L, const char *method) {
  int found = bl_ltype_method(L, method);
  if (found) lua_pop(L, 1);
  return found;
}

/* 1 when the type of that name may be another one from here on. */
static int take_until(lua_State *L, const char *name) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &until_key);
  int until = lua_getfield(L, -1, name) != LUA_TNIL;
  lua_pushnil(L);
  lua_setfield(L, -3, name);
  lua_pop(L, 2);
  return until;
}

/* The type's name, of the metatable on top, which is argument 1. */
static const char *check_name(lua_State *L) {
  lua_pushliteral(L, "__name");
  lua_rawget(L, 1); /* mt name */
  if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) == 0)
    luaL_error(L, "register: the metatable needs a __name, a string");
  const char *name = lua_tostring(L, -1);
  push_types(L);
  lua_getfield(L, -1, name);
  if (!lua_isnil(L, -1) && !lua_rawequal(L, -1, 1) && !take_until(L, name))
    luaL_error(L, "register: there is another type named '%s'", name);
  lua_settop(L, 2);
  return name;
}

/* register(mt) -> mt */
static int register_type(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  const char *name = check_name(L); /* mt name */
  lua_pushvalue(L, 1);              /* mt name mt */
  int packs = has(L, "__pack");
  if (packs != has(L, "__unpack"))
    return luaL_error(L, "register: __pack and __unpack come together");
  /* else bytes from elsewhere would be what a finalizer works on */
  if (!packs && has(L, "__gc"))
    return luaL_error(L, "register: a type with __gc needs __pack and "
                         "__unpack");
  bl_ltype_add(L, name);
  return 1;
}

/* For the Lua half, in a child: register_until(mt) registers what the parent
 * has registered, until a module of the child's own does. */
static int register_until(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "__name");
  const char *name = luaL_checkstring(L, -1);
  push_types(L);
  if (lua_getfield(L, -1, name) != LUA_TNIL) return 0;
  lua_pushvalue(L, 1);
  bl_ltype_add(L, name);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &until_key);
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, name);
  return 0;
}

/* For the Lua half: a list of the users' types, which ours are not. */
static int registered(lua_State *L) {
  lua_Integer n = 0;
  lua_newtable(L);
  push_types(L); /* list types */
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING ||
        strncmp(lua_tostring(L, -2), "billiard.", 9) == 0)
      continue;
    lua_pushvalue(L, -1);
    lua_rawseti(L, 1, ++n);
  }
  lua_settop(L, 1);
  return 1;
}

void bl_ltype_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"register", register_type},
                                       {"register_until", register_until},
                                       {"registered", registered},
                                       {NULL, NULL}};
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &types_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &until_key);
  luaL_setfuncs(L, functions, 0);
  luaL_getmetatable(L, BL_LERROR);
  bl_ltype_add(L, BL_LERROR);
  lua_pop(L, 1);
}
