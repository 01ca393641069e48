/* SPDX-License-Identifier: MIT */
/* The marks stand in the ends, and not in a list for the child: between the
 * look and the fork the collector may take ends that nobody has any more.
 *
 * Where an end is left that the child was not given, there is a second walk:
 * a global or a module may hold it, and what a child does not reach by these
 * it cannot use. */
#include "bindings/lreach.h"

#include "bindings/lprocess.h"
#include "bindings/lseen.h"
#include "bindings/lstate.h"

enum mark { NOT_MET, HELD, GIVEN };

/* Slots of the stack of a walk: what it met, where that is much, and what of
 * it is still to be looked into, a stack. */
enum { SELF = 1, MET, REST };

struct walk {
  lua_State *L;
  enum mark how;
  struct bl_lseen met;
  lua_Integer rest;
};

static int holds_values(int type) {
  return type == LUA_TTABLE || type == LUA_TFUNCTION ||
         type == LUA_TUSERDATA || type == LUA_TTHREAD;
}

/* Notes the value on top: 1 the first time. */
static int note(struct walk *w) {
  const void *key = lua_topointer(w->L, -1);
  if (bl_lseen_find(&w->met, key)) return 0;
  bl_lseen_add(w->L, &w->met, key);
  return 1;
}

/* Takes the value on top, which is popped, for one to look into. */
static void meet(struct walk *w) {
  if (holds_values(lua_type(w->L, -1)) && note(w))
    lua_rawseti(w->L, REST, ++w->rest);
  else
    lua_pop(w->L, 1);
}

static void mark(const struct walk *w, struct bl_lconnection *c) {
  int how = (int)w->how;
  if (c->met < how) c->met = how;
}

/* ---- the value is on top ---- */

static void look_into_table(struct walk *w) {
  int table = lua_gettop(w->L);
  for (lua_pushnil(w->L); lua_next(w->L, table);) {
    meet(w);
    lua_pushvalue(w->L, -1);
    meet(w); /* the key */
  }
}

static void look_into_function(struct walk *w) {
  int function = lua_gettop(w->L);
  for (int i = 1; lua_getupvalue(w->L, function, i); i++) meet(w);
}

static void look_into_userdata(struct walk *w) {
  int userdata = lua_gettop(w->L);
  struct bl_lconnection *c = bl_lconnection_test(w->L, userdata);
  if (c) mark(w, c);
  for (int i = 1; bl_compat_getvalue(w->L, userdata, i); i++) meet(w);
}

/* What a coroutine holds nobody can tell: it may be anything. */
static void look_into_thread(struct walk *w) {
  struct bl_lconnection *c = bl_lstate(w->L)->connections;
  for (; c; c = c->next) mark(w, c);
}

static void look_into(struct walk *w) {
  int value = lua_gettop(w->L);
  switch (lua_type(w->L, value)) {
    case LUA_TTABLE: look_into_table(w); break;
    case LUA_TFUNCTION: look_into_function(w); break;
    case LUA_TUSERDATA: look_into_userdata(w); break;
    default: look_into_thread(w);
  }
  if (lua_getmetatable(w->L, value)) meet(w);
}

/* ---- the walks ---- */

static void begin(lua_State *L, struct walk *w, enum mark how) {
  lua_settop(L, SELF);
  lua_pushnil(L);
  lua_newtable(L); /* self met rest */
  w->L = L;
  w->how = how;
  w->rest = 0;
  bl_lseen_init(&w->met, MET);
}

static void walk(struct walk *w) {
  while (w->rest > 0) {
    lua_rawgeti(w->L, REST, w->rest--);
    look_into(w);
    lua_settop(w->L, REST);
  }
}

/* Globals and loaded modules are not what a child was given. */
static void leave_modules_out(struct walk *w) {
  lua_getfield(w->L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  note(w);
  for (lua_pushnil(w->L); lua_next(w->L, -2); lua_pop(w->L, 1))
    if (holds_values(lua_type(w->L, -1))) note(w);
  lua_pop(w->L, 1);
}

static void walk_the_given(lua_State *L) {
  static const char *const given[] = {"target", "args", "kwargs"};
  struct walk w;
  begin(L, &w, GIVEN);
  leave_modules_out(&w);
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
    bl_lprocess_spec(L, SELF, given[i]);
    meet(&w);
  }
  bl_compat_getvalue(L, SELF, BL_LUV_FIELDS);
  meet(&w);
  bl_compat_getvalue(L, SELF, BL_LUV_CLASS);
  meet(&w);
  walk(&w);
}

static void walk_the_held(lua_State *L) {
  struct walk w;
  begin(L, &w, HELD);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  meet(&w); /* with the globals, which are a module */
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1)) meet(&w);
  walk(&w);
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
