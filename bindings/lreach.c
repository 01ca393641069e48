/* SPDX-License-Identifier: MIT */
#include "bindings/lreach.h"

#include <string.h>

/* Slots above the values' first: what was met, and a stack of what has not
 * been looked into. Lua's own stack would not hold a deep list. */
struct reach {
  lua_State *L;
  int met, todo; /* tables */
  lua_Integer n; /* in todo */
  void (*found)(lua_State *L);
  int blind;
};

static int is_container(lua_State *L) {
  int type = lua_type(L, -1);
  return type == LUA_TTABLE || type == LUA_TFUNCTION ||
         type == LUA_TUSERDATA || type == LUA_TTHREAD;
}

/* Has the value on top been met? It has from now on. */
static int meet(struct reach *r) {
  lua_State *L = r->L;
  lua_pushvalue(L, -1);
  int known = lua_rawget(L, r->met) != LUA_TNIL; /* value known */
  lua_pop(L, 1);
  if (!known) {
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, r->met);
  }
  return known;
}

/* Pops it. */
static void add(struct reach *r) {
  if (!is_container(r->L) || meet(r)) lua_pop(r->L, 1);
  else lua_rawseti(r->L, r->todo, ++r->n);
}

/* Modules, and the globals. */
static void shun_modules(struct reach *r) {
  lua_State *L = r->L;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  meet(r);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    if (is_container(L)) meet(r);
  lua_pop(L, 1);
}

/* ---- what is in the value on top ---- */

static void look_into_table(struct reach *r) {
  lua_State *L = r->L;
  for (lua_pushnil(L); lua_next(L, -2);) {
    add(r); /* the value */
    lua_pushvalue(L, -1);
    add(r);
  }
}

static void look_into_function(struct reach *r) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(r->L, -1, i)) != NULL; i++) add(r);
}

static void look_into_userdata(struct reach *r) {
  r->found(r->L);
  for (int i = 1; bl_compat_getvalue(r->L, -1, i); i++) add(r);
  lua_pop(r->L, 1);
}

static void look_into(struct reach *r) {
  switch (lua_type(r->L, -1)) {
    case LUA_TTABLE: look_into_table(r); break;
    case LUA_TFUNCTION: look_into_function(r); break;
    case LUA_TUSERDATA: look_into_userdata(r); break;
    default: r->blind = 1;
  }
  if (lua_getmetatable(r->L, -1)) add(r);
}

int bl_lreach(lua_State *L, int first, void (*found)(lua_State *L)) {
  luaL_checkstack(L, 16, NULL);
  lua_newtable(L);
  lua_insert(L, first);
  lua_newtable(L);
  lua_insert(L, first + 1); /* met todo values */
  struct reach r = {L, first, first + 1, 0, found, 0};
  shun_modules(&r);
  while (lua_gettop(L) > r.todo) add(&r);
  while (r.n > 0 && !r.blind) {
    lua_rawgeti(L, r.todo, r.n--);
    look_into(&r);
    lua_pop(L, 1);
  }
  lua_settop(L, first - 1);
  return !r.blind;
}
