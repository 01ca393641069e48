/* SPDX-License-Identifier: MIT */
#include "bindings/lname.h"

#include <string.h>

static const char index_key; /* its address is the registry key */

#define GLOBALS "_G"

static void push_loaded(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

/* Names the value on top, unless it has a better name than the globals'. */
static void name(lua_State *L, int index, const char *module) {
  lua_pushvalue(L, -1);
  lua_rawget(L, index); /* value known */
  const char *known = lua_tostring(L, -1);
  int better = !known || strcmp(known, GLOBALS) == 0;
  lua_pop(L, 1); /* value */
  if (!better) return;
  lua_pushvalue(L, -1);
  lua_pushstring(L, module);
  lua_rawset(L, index);
}

/* Names the module on top and the functions in it. */
static void name_all(lua_State *L, int index, const char *module) {
  name(L, index, module);
  if (!lua_istable(L, -1)) return;
  int globals = strcmp(module, GLOBALS) == 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) { /* module field value */
    if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1) &&
        (!globals || lua_iscfunction(L, -1)))
      name(L, index, module);
    lua_pop(L, 1);
  }
}

/* A function that several modules hold goes by the one all processes have. */
static void name_standard(lua_State *L, int index) {
  static const char *const standard[] = {
      GLOBALS, "string", "table", "math", "io", "os", "coroutine", "utf8",
      "debug", "package"};
  push_loaded(L);
  for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++) {
    lua_getfield(L, -1, standard[i]);
    if (!lua_isnil(L, -1)) name_all(L, index, standard[i]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int is_reference(lua_State *L, int index) {
  int type = lua_type(L, index);
  return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA;
}

static int is_known(lua_State *L, int index) {
  lua_pushvalue(L, -1);
  int known = lua_rawget(L, index) != LUA_TNIL;
  lua_pop(L, 1);
  return known;
}

/* Names the modules that have no name yet, or all; how many it did. */
static int name_modules(lua_State *L, int index, int all) {
  int n = 0;
  push_loaded(L);
  lua_pushnil(L);
  while (lua_next(L, -2)) { /* loaded module value */
    if (lua_type(L, -2) == LUA_TSTRING && is_reference(L, -1) &&
        (all || !is_known(L, index))) {
      name_all(L, index, lua_tostring(L, -2));
      n++;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return n;
}

void bl_lname_index(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &index_key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L); /* index */
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  int index = lua_gettop(L);
  name_standard(L, index);
  name_modules(L, index, 1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &index_key);
}

int bl_lname_refresh(lua_State *L, int index) {
  return name_modules(L, index, 0) > 0;
}

void bl_lname_rescan(lua_State *L, int index) { name_modules(L, index, 1); }

/* Pushes the field of the module on top that holds `value`; 0: none does. */
static int field_of(lua_State *L, int value) {
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_rawequal(L, -1, value)) {
      lua_pop(L, 1);
      return 1;
    }
    lua_pop(L, 1);
  }
  return 0;
}

int bl_lname_find(lua_State *L, int index) {
  int value = lua_gettop(L), n = 0;
  lua_pushvalue(L, value);
  if (lua_rawget(L, index) == LUA_TNIL) { /* value nil */
    lua_pop(L, 1);
    return 0;
  }
  push_loaded(L);
  lua_pushvalue(L, -2);
  lua_rawget(L, -2); /* value name loaded module */
  if (lua_rawequal(L, -1, value)) n = 1;
  else if (lua_istable(L, -1) && field_of(L, value)) n = 2;
  if (n == 2) lua_replace(L, value + 2); /* value name field module */
  lua_settop(L, value + n);
  return n;
}

void bl_lname_module(lua_State *L, const char *module, int may_load) {
  push_loaded(L);
  if (lua_getfield(L, -1, module) != LUA_TNIL) { /* loaded module */
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1); /* loaded */
  if (!may_load) luaL_error(L, "module '%s' is not loaded here", module);
  if (lua_getfield(L, -1, GLOBALS) != LUA_TTABLE ||
      lua_getfield(L, -1, "require") != LUA_TFUNCTION)
    luaL_error(L, "module '%s' is not loaded, and there is no require", module);
  lua_pushstring(L, module); /* loaded globals require module */
  lua_call(L, 1, 1);
  lua_insert(L, -3);
  lua_pop(L, 2);
}
