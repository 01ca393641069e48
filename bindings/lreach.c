/* SPDX-License-Identifier: MIT */
/* The marks stand in the ends, and not in a list for the child: between the
 * look and the fork the collector may take ends that nobody has any more. */
#include "bindings/lreach.h"

#include "bindings/lprocess.h"
#include "bindings/lstate.h"

/* Slots of the stack of the walk: what was met, and what of it is still to be
 * looked into, a stack. */
enum { SELF = 1, MET, REST };

static int holds_values(int type) {
  return type == LUA_TTABLE || type == LUA_TFUNCTION ||
         type == LUA_TUSERDATA || type == LUA_TTHREAD;
}

/* Takes the value on top, which is popped, for one to look into, the first
 * time it is met. */
static void meet(lua_State *L) {
  if (holds_values(lua_type(L, -1))) {
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
  lua_pushboolean(L, 1);
  lua_rawset(L, MET);
}

/* ---- the value is on top ---- */

static void look_into_table(lua_State *L) {
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table);) {
    meet(L);
    lua_pushvalue(L, -1);
    meet(L); /* the key */
  }
}

static void look_into_function(lua_State *L) {
  int function = lua_gettop(L);
  for (int i = 1; lua_getupvalue(L, function, i); i++) meet(L);
}

static void look_into_userdata(lua_State *L) {
  int userdata = lua_gettop(L);
  struct bl_lconnection *c = bl_lconnection_test(L, userdata);
  if (c) c->met = 1;
  for (int i = 1; bl_compat_getvalue(L, userdata, i); i++) meet(L);
}

/* What a coroutine holds nobody can tell: it may be anything. */
static void look_into_thread(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->pairs;
  for (; c; c = c->next) c->met = 1;
}

static void look_into(lua_State *L) {
  int value = lua_gettop(L);
  switch (lua_type(L, value)) {
    case LUA_TTABLE: look_into_table(L); break;
    case LUA_TFUNCTION: look_into_function(L); break;
    case LUA_TUSERDATA: look_into_userdata(L); break;
    default: look_into_thread(L);
  }
  if (lua_getmetatable(L, value)) meet(L);
}

/* ---- the walk ---- */

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
    look_into(L);
    lua_settop(L, REST);
  }
  return 0;
}

void bl_lreach_mark(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->pairs;
  if (!c) return;
  for (; c; c = c->next) c->met = 0;
  lua_pushcfunction(L, walk);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
}

static struct bl_lconnection *surplus(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->pairs;
  while (c && (c->met || !c->partner->met)) c = c->next;
  return c;
}

void bl_lreach_part(lua_State *L) {
  struct bl_lconnection *c;
  while ((c = surplus(L)) != NULL) bl_lconnection_drop(L, c);
}
