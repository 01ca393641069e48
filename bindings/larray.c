/* SPDX-License-Identifier: MIT */
#include "bindings/larray.h"

#include "bindings/lcell.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"

static const struct bl_lclass class = {"Array", "billiard.Array",
                                       sizeof(struct bl_lcells)};

/* More would not fit any memory, with whatever type. */
#define CELLS_MAX ((lua_Integer)1 << 44)

/* The integer at index, when it counts a cell; 0 when not. */
static size_t position(lua_State *L, int index, const struct bl_lcells *c) {
  int exact = 0;
  lua_Integer i = lua_tointegerx(L, index, &exact);
  return exact && i >= 1 && (lua_Unsigned)i <= c->n ? (size_t)i : 0;
}

static int array_index(lua_State *L) {
  if (lua_type(L, 2) != LUA_TNUMBER)
    return bl_lcells_index(L, bl_lclass_check(L, 1, &class));
  struct bl_lcells *c = bl_lcells_check(L, &class, "index");
  size_t i = position(L, 2, c);
  if (i == 0) return 0;
  bl_lcell_push(L, c->kind, bl_cell_load(c->kind, bl_lcell_at(c, i - 1)));
  return 1;
}

static int array_newindex(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "index");
  size_t i = lua_type(L, 2) == LUA_TNUMBER ? position(L, 2, c) : 0;
  if (i == 0)
    return luaL_error(L, "Array: has no element %s to set (1 to %I)",
                      luaL_tolstring(L, 2, NULL), (LUAI_UACINT)c->n);
  union bl_scalar v = bl_lcell_check(L, 3, c->kind, "Array");
  bl_cell_store(c->kind, bl_lcell_at(c, i - 1), v);
  return 0;
}

static int array_len(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "#");
  lua_pushinteger(L, (lua_Integer)c->n);
  return 1;
}

/* ---- in bulk ---- */

static int array_get(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "get");
  lua_Integer n = (lua_Integer)c->n;
  lua_Integer i = luaL_optinteger(L, 2, 1), j = luaL_optinteger(L, 3, n);
  if (i < 1 || j > n || j < i - 1)
    return luaL_error(L, "get: %I to %I is not in 1 to %I", (LUAI_UACINT)i,
                      (LUAI_UACINT)j, (LUAI_UACINT)n);
  lua_createtable(L, (int)(j - i + 1), 0);
  for (lua_Integer k = i; k <= j; k++) {
    void *at = bl_lcell_at(c, (size_t)(k - 1));
    bl_lcell_push(L, c->kind, bl_cell_load(c->kind, at));
    lua_rawseti(L, -2, k - i + 1);
  }
  return 1;
}

/* Pushes a copy of the table at index as scalars, once all are checked: then
 * it is written whole, or not at all. */
static const union bl_scalar *collect(lua_State *L, int index, lua_Integer n,
                                      const struct bl_kind *kind,
                                      const char *what) {
  union bl_scalar *all = bl_compat_newuserdata(
      L, (size_t)(n + 1) * sizeof(union bl_scalar), 0);
  for (lua_Integer k = 1; k <= n; k++) {
    lua_pushfstring(L, "%s: element %I", what, (LUAI_UACINT)k);
    lua_geti(L, index, k);
    all[k - 1] = bl_lcell_check(L, -1, kind, lua_tostring(L, -2));
    lua_pop(L, 2);
  }
  return all;
}

static void write(struct bl_lcells *c, lua_Integer i, lua_Integer n,
                  const union bl_scalar *all) {
  for (lua_Integer k = 0; k < n; k++)
    bl_cell_store(c->kind, bl_lcell_at(c, (size_t)(i - 1 + k)), all[k]);
}

static int array_set(lua_State *L) {
  struct bl_lcells *c = bl_lcells_check(L, &class, "set");
  lua_Integer i = luaL_checkinteger(L, 2), most = (lua_Integer)c->n;
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 3);
  if (i < 1 || i > most + 1 || n > most - i + 1)
    return luaL_error(L, "set: %I elements from %I are not in 1 to %I",
                      (LUAI_UACINT)n, (LUAI_UACINT)i, (LUAI_UACINT)most);
  const union bl_scalar *all = collect(L, 3, n, c->kind, "set");
  c = bl_lcells_check(L, &class, "set"); /* the table may have run code */
  write(c, i, n, all);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- the object ---- */

static int array_tostring(lua_State *L) {
  struct bl_lcells *c = bl_lclass_check(L, 1, &class);
  if (!bl_lcells_describe(L, c)) return 1;
  lua_pushfstring(L, "%I)>", (LUAI_UACINT)c->n);
  lua_concat(L, 2);
  return 1;
}

static int array_close(lua_State *L) { return bl_lcells_close(L, &class); }
static int array_gc(lua_State *L) { return bl_lcells_gc(L, &class); }

static void take(struct bl_lreader *r, int *fds) {
  bl_lcells_take(r, fds, &class, 0);
}

static int new_array(lua_State *L) {
  const struct bl_kind *kind = bl_lcell_kind(L, 1, "Array");
  const union bl_scalar *all = NULL;
  lua_Integer n;
  if (lua_istable(L, 2)) {
    n = luaL_len(L, 2);
    all = collect(L, 2, n, kind, "Array");
  } else {
    if (lua_type(L, 2) != LUA_TNUMBER)
      return bl_lopt_wrong(L, 2, "Array", "its size", "an integer or a table");
    n = bl_lopt_integer(L, 2, "Array", "its size", 0, CELLS_MAX);
  }
  int r = bl_lcells_new(L, &class, kind, (size_t)n);
  if (r < 0) return bl_lerror_return(L, r, "Array");
  if (all) write(lua_touserdata(L, -1), 1, n, all);
  return 1;
}

void bl_larray_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"get", array_get},
                                     {"set", array_set},
                                     {"close", array_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__index", array_index},
                                         {"__newindex", array_newindex},
                                         {"__len", array_len},
                                         {"__tostring", array_tostring},
                                         {"__gc", array_gc},
                                         {"__close", array_gc},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.Array", 1, 0,
                                                bl_lcells_give, take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  lua_pushcfunction(L, new_array);
  lua_setfield(L, -2, "Array");
}
