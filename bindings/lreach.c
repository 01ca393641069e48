/* SPDX-License-Identifier: MIT */
/* The marks stand in the ends, and not in a list for the child: between the
 * look and the fork the collector may take ends that nobody has any more.
 *
 * Where an end is left that the child was not given, there is a second walk:
 * a global or a module may hold it, and what a child does not reach by these
 * it cannot use. */
#include "bindings/lreach.h"

#include "bindings/lprocess.h"
#include "bindings/lstate.h"

enum mark { NOT_MET, HELD, GIVEN };

/* Slots of the stack of a walk: how it marks, what it met, and what of that is
 * still to be looked into, a stack. */
enum { SELF = 1, MARK, MET, REST };

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

static void mark(lua_State *L, struct bl_lconnection *c) {
  int how = (int)lua_tointeger(L, MARK);
  if (c->met < how) c->met = how;
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
  if (c) mark(L, c);
  for (int i = 1; bl_compat_getvalue(L, userdata, i); i++) meet(L);
}

/* What a coroutine holds nobody can tell: it may be anything. */
static void look_into_thread(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->connections;
  for (; c; c = c->next) mark(L, c);
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

/* ---- the walks ---- */

static void begin(lua_State *L, enum mark how) {
  lua_settop(L, SELF);
  lua_pushinteger(L, how);
  lua_newtable(L);
  lua_newtable(L); /* self mark met rest */
}

static void walk(lua_State *L) {
  lua_Integer n;
  while ((n = (lua_Integer)lua_rawlen(L, REST)) > 0) {
    lua_rawgeti(L, REST, n);
    lua_pushnil(L);
    lua_rawseti(L, REST, n);
    look_into(L);
    lua_settop(L, REST);
  }
}

static void walk_the_given(lua_State *L) {
  static const char *const given[] = {"target", "args", "kwargs"};
  begin(L, GIVEN);
  leave_modules_out(L);
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
    bl_lprocess_spec(L, SELF, given[i]);
    meet(L);
  }
  bl_compat_getvalue(L, SELF, BL_LUV_FIELDS);
  meet(L);
  bl_compat_getvalue(L, SELF, BL_LUV_CLASS);
  meet(L);
  walk(L);
}

static void walk_the_held(lua_State *L) {
  begin(L, HELD);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  meet(L); /* with the globals, which are a module */
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1)) meet(L);
  walk(L);
}

/* Must the child let go of it? */
static int is_surplus(const struct bl_lconnection *c) {
  return c->met == NOT_MET ||
         (c->met == HELD && c->partner && c->partner->met == GIVEN);
}

static int may_be_held(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->connections;
  while (c && (c->met || (c->partner && c->partner->met))) c = c->next;
  return c != NULL;
}

/* Argument: the Process. */
static int walk_all(lua_State *L) {
  walk_the_given(L);
  if (may_be_held(L)) walk_the_held(L);
  return 0;
}

void bl_lreach_mark(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->connections;
  if (!c) return;
  for (; c; c = c->next) c->met = NOT_MET;
  lua_pushcfunction(L, walk_all);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
}

void bl_lreach_part(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->connections, *next;
  for (; c; c = next) {
    next = c->next;
    if (is_surplus(c)) bl_lconnection_drop(c);
  }
}
