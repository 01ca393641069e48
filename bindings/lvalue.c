/* SPDX-License-Identifier: MIT */
#include "bindings/lvalue.h"

#include <string.h>

#include "bindings/lcell.h"
#include "bindings/lerror.h"

static const struct bl_lclass class = {"Value", "billiard.Value",
                                       sizeof(struct bl_lcells)};

static int is_value(lua_State *L) {
  return lua_type(L, 2) == LUA_TSTRING && !strcmp(lua_tostring(L, 2), "value");
}

static int push(lua_State *L, const struct bl_lcells *c, union bl_scalar v) {
  bl_lcell_push(L, c->kind, v);
  return 1;
}

static int value_index(lua_State *L) {
  struct bl_lcells *c = bl_lclass_check(L, 1, &class);
  if (is_value(L)) {
    bl_lcells_check(L, &class, "value");
    return push(L, c, bl_cell_load(c->kind, bl_lcell_at(c, 0)));
  }
  return bl_lcells_index(L, c);
}

static int value_newindex(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "value");
  if (!is_value(L))
    return luaL_error(L, "Value: only the field 'value' can be set, not '%s'",
                      luaL_tolstring(L, 2, NULL));
  union bl_scalar v = bl_lcell_check(L, 3, c->kind, "value");
  bl_cell_store(c->kind, bl_lcell_at(c, 0), v);
  return 0;
}

static int value_add(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "add");
  if (c->kind->what == BL_KIND_BOOLEAN)
    return luaL_error(L, "add: a bool cannot be added to");
  union bl_scalar n = bl_lcell_summand(L, 2, c->kind, "add"), sum;
  if (bl_cell_add(c->kind, bl_lcell_at(c, 0), n, &sum) < 0)
    return luaL_error(L, "add: the sum does not fit %s", c->kind->name);
  return push(L, c, sum);
}

static int value_cas(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "cas");
  union bl_scalar old = bl_lcell_check(L, 2, c->kind, "cas");
  union bl_scalar v = bl_lcell_check(L, 3, c->kind, "cas");
  int done = bl_cell_cas(c->kind, bl_lcell_at(c, 0), &old, v);
  lua_pushboolean(L, done);
  return done ? 1 : 1 + push(L, c, old);
}

static int value_tostring(lua_State *L) {
  struct bl_lcells *c = bl_lclass_check(L, 1, &class);
  if (!bl_lcells_describe(L, c)) return 1;
  push(L, c, bl_cell_load(c->kind, bl_lcell_at(c, 0)));
  luaL_tolstring(L, -1, NULL);
  lua_remove(L, -2);
  lua_pushliteral(L, ")>");
  lua_concat(L, 3);
  return 1;
}

static int value_close(lua_State *L) { return bl_lcells_close(L, &class); }
static int value_gc(lua_State *L) { return bl_lcells_gc(L, &class); }

static void take(struct bl_lreader *r, int *fds) {
  bl_lcells_take(r, fds, &class, 1);
}

static int new_value(lua_State *L) {
  const struct bl_kind *kind = bl_lcell_kind(L, 1, "Value");
  union bl_scalar v = {0};
  int given = !lua_isnoneornil(L, 2);
  if (given) v = bl_lcell_check(L, 2, kind, "Value");
  int r = bl_lcells_new(L, &class, kind, 1);
  if (r < 0) return bl_lerror_return(L, r, "Value");
  if (given) bl_cell_store(kind, bl_lcell_at(lua_touserdata(L, -1), 0), v);
  return 1;
}

void bl_lvalue_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"add", value_add},
                                     {"cas", value_cas},
                                     {"close", value_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__index", value_index},
                                         {"__newindex", value_newindex},
                                         {"__tostring", value_tostring},
                                         {"__gc", value_gc},
                                         {"__close", value_gc},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.Value", 1, 0,
                                                bl_lcells_give, take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  lua_pushcfunction(L, new_value);
  lua_setfield(L, -2, "Value");
}
