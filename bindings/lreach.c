/* SPDX-License-Identifier: MIT */
#include "bindings/lreach.h"

#include "bindings/lprocess.h"
#include "bindings/lstate.h"

/* Slots of the stack of the walk: what was met, and what of it is still to be
 * looked into, a stack. */
enum { SELF = 1, MET, REST };

/* Takes the value on top, which is popped, for one to look into, the first
 * time it is met. */
static void meet(lua_State *L) {
  int type = lua_type(L, -1);
  struct bl_lconnection *c = bl_lconnection_test(L, -1);
  if (c) c->met = 1;
  if (type == LUA_TTABLE || type == LUA_TFUNCTION) {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, MET) == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_pushboolean(L, 1);
      lua_rawset(L, MET);
      lua_pushvalue(L, -2);
      lua_rawseti(L, REST, (lua_Integer)lua_rawlen(L, REST) + 1);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Globals and loaded modules are not what a child was given. */
static void leave_modules_out(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pushboolean(L, 1); /* loaded name module true */
    lua_rawset(L, MET);
  }
  lua_pop(L, 1);
}

static void look_into_table(lua_State *L, int table) {
  for (lua_pushnil(L); lua_next(L, table);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2); /* key key value */
    meet(L);
    meet(L);
  }
  if (lua_getmetatable(L, table)) meet(L);
}

static void look_into(lua_State *L, int value) {
  if (lua_istable(L, value)) look_into_table(L, value);
  else
    for (int i = 1; lua_getupvalue(L, value, i); i++) meet(L);
}

static void meet_given(lua_State *L) {
  static const char *const given[] = {"target", "args", "kwargs"};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
    bl_lprocess_spec(L, SELF, given[i]);
    meet(L);
  }
  bl_compat_getvalue(L, SELF, BL_LUV_FIELDS);
  meet(L);
  bl_compat_getvalue(L, SELF, BL_LUV_CLASS);
  meet(L);
}

/* Argument: the Process. */
static int walk(lua_State *L) {
  lua_Integer n;
  lua_newtable(L);
  lua_newtable(L); /* self met rest */
  leave_modules_out(L);
  meet_given(L);
  while ((n = (lua_Integer)lua_rawlen(L, REST)) > 0) {
    lua_rawgeti(L, REST, n);
    lua_pushnil(L);
    lua_rawseti(L, REST, n);
    look_into(L, REST + 1);
    lua_settop(L, REST);
  }
  return 0;
}

struct bl_lconnection *bl_lreach_surplus(lua_State *L) {
  struct bl_lconnection *c, *surplus = NULL, *pairs = bl_lstate(L)->pairs;
  if (!pairs) return NULL;
  for (c = pairs; c; c = c->next) c->met = 0;
  lua_pushcfunction(L, walk);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  for (c = pairs; c; c = c->next) {
    if (c->met || !c->partner->met) continue;
    c->left = surplus;
    surplus = c;
  }
  return surplus;
}

void bl_lreach_drop(lua_State *L, struct bl_lconnection *surplus) {
  for (; surplus; surplus = surplus->left) bl_lconnection_drop(L, surplus);
}
