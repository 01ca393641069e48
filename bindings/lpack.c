/* SPDX-License-Identifier: MIT */
#include "bindings/lpack.h"

#include "bindings/lfunction.h"
#include "bindings/lhandle.h"
#include "bindings/lname.h"
#include "bindings/ltype.h"

/* ---- tables ---- */

static int array(struct bl_lwriter *w, size_t n) {
  int r = bl_pack_array(w->out, n);
  for (size_t i = 1; r == 0 && i <= n; i++) {
    lua_rawgeti(w->L, -1, (lua_Integer)i);
    r = bl_lpack(w);
    if (r == BL_EUNSENDABLE) bl_lpath_number(&w->path, (lua_Integer)i);
    if (r == 0) lua_pop(w->L, 1);
  }
  return r;
}

static int string(struct bl_lwriter *w, int index) {
  size_t n;
  const char *s = lua_tolstring(w->L, index, &n);
  int r = bl_pack_string(w->out, s, n);
  return r == BL_ETOOBIG ? bl_lwriter_refuse(w, "string of 4 GiB or more") : r;
}

static int pair(struct bl_lwriter *w, int key) {
  int r;
  if (lua_type(w->L, key) == LUA_TSTRING) {
    r = string(w, key);
  } else {
    lua_pushvalue(w->L, key);
    r = bl_lpack(w);
    if (r == 0) lua_pop(w->L, 1);
  }
  return r == 0 ? bl_lpack(w) : r;
}

static int pairs(struct bl_lwriter *w, size_t mark, size_t *n) {
  lua_State *L = w->L;
  int key = lua_gettop(L) + 1;
  lua_pushnil(L);
  while (lua_next(L, key - 1)) {
    int r = bl_pack_next_pair(w->out, mark, ++*n);
    if (r == 0) r = pair(w, key);
    if (r == BL_EUNSENDABLE) bl_lpath_key(&w->path, L, key);
    if (r != 0) return r;
    lua_settop(L, key);
  }
  return 0;
}

/* An empty table is an array. */
static int map(struct bl_lwriter *w) {
  size_t mark, n = 0;
  int r = bl_pack_open_map(w->out, &mark);
  if (r == 0) r = pairs(w, mark, &n);
  if (r != 0) return r;
  if (n > 0) bl_pack_close_map(w->out, mark, n);
  else bl_buf_cut(w->out, mark), r = bl_pack_array(w->out, 0);
  return r;
}

/* Are the keys of the table on top 1 to n, and no others? */
static int is_array(lua_State *L, size_t n) {
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) ||
        (lua_Unsigned)lua_tointeger(L, -1) - 1 >= n) {
      lua_pop(L, 1);
      return 0;
    }
    count++;
  }
  return count == n;
}

/* What a table holds, with its header, whatever its metatable. A list of
 * scalars in one pass, others in two. */
static int contents(struct bl_lwriter *w) {
  int r = bl_lwriter_enter(w);
  if (r != 0) return r;
  size_t n = lua_rawlen(w->L, -1);
  r = bl_lpack_list(w->L, -1, w->out);
  if (r == 1) r = n > 0 && is_array(w->L, n) ? array(w, n) : map(w);
  bl_lwriter_leave(w);
  return r;
}

/* ---- objects: of registered types ---- */

/* Calls __pack, which is on top, with the object; keeps the result while the
 * message is written: the address of what dies could come again. */
static void call_pack(struct bl_lwriter *w, int object) {
  lua_State *L = w->L;
  lua_pushvalue(L, object);
  lua_call(L, 1, 1);
  if (lua_isnil(L, BL_LWRITER_KEEP)) {
    lua_newtable(L);
    lua_replace(L, BL_LWRITER_KEEP);
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, BL_LWRITER_KEEP,
              (lua_Integer)lua_rawlen(L, BL_LWRITER_KEEP) + 1);
}

/* Stack: object metatable name __pack. */
static int packed(struct bl_lwriter *w, int object) {
  const void *key = lua_topointer(w->L, object);
  bl_lwriter_number(w, key)->open = 1;
  call_pack(w, object);
  int r = bl_lpack(w);
  bl_lseen_find(&w->seen, key)->open = 0;
  return r;
}

static int named_contents(struct bl_lwriter *w, int object) {
  if (lua_type(w->L, object) != LUA_TTABLE)
    return bl_lwriter_refuse(w, "userdata whose type has no __pack");
  bl_lwriter_number(w, lua_topointer(w->L, object));
  lua_pushvalue(w->L, object);
  return contents(w);
}

/* Stack: object metatable name. */
static int typed(struct bl_lwriter *w, int object) {
  lua_State *L = w->L;
  size_t mark, n;
  if (w->profile == BL_PROFILE_PLAIN)
    return bl_lwriter_refuse(w, "an object (strangers get plain data)");
  lua_pushvalue(L, object + 1); /* object metatable name metatable */
  int packs = bl_ltype_method(L, "__pack");
  const char *name = lua_tolstring(L, object + 2, &n);
  int r = bl_lwriter_open(w, packs ? BL_PACK_OBJECT : BL_PACK_TYPED, &mark);
  if (r == 0) r = bl_pack_string(w->out, name, n);
  if (r == 0) r = packs ? packed(w, object) : named_contents(w, object);
  if (r == 0) r = bl_lwriter_close(w, mark);
  if (r == 0) lua_settop(L, object);
  return r;
}

/* Pushes metatable and name, where the value on top is of a registered type. */
static int is_typed(lua_State *L) {
  if (!lua_getmetatable(L, -1)) return 0;
  if (bl_ltype_name(L)) return 1;
  lua_pop(L, 1);
  return 0;
}

static int is_module(struct bl_lwriter *w) {
  lua_pushvalue(w->L, -1);
  int known = lua_rawget(w->L, BL_LWRITER_INDEX) != LUA_TNIL;
  lua_pop(w->L, 1);
  return known && bl_lname_find(w->L, BL_LWRITER_INDEX) == 1;
}

/* A table or a userdata. */
static int object(struct bl_lwriter *w, int is_table) {
  lua_State *L = w->L;
  int here = lua_gettop(L);
  if (w->profile != BL_PROFILE_PLAIN) {
    const void *key = lua_topointer(L, -1);
    struct bl_lseen_entry *e = bl_lseen_find(&w->seen, key);
    if (e) return bl_lwriter_reference(w, e);
    if (is_module(w)) {
      int r = bl_lwriter_name(w, lua_tostring(L, -1), NULL);
      lua_settop(L, here);
      return r;
    }
  }
  if (is_typed(L)) return typed(w, here);
  const struct bl_lhandle_type *type = is_table ? NULL : bl_lhandle_at(L, here);
  if (type) return bl_lhandle_pack(w, type);
  if (!is_table) return bl_lwriter_refuse(w, "userdata");
  if (w->profile != BL_PROFILE_PLAIN)
    bl_lwriter_number(w, lua_topointer(L, here));
  return contents(w);
}

int bl_lpack_scalar(lua_State *L, int index, struct bl_buf *out) {
  switch (lua_type(L, index)) {
    case LUA_TNIL: return bl_pack_nil(out);
    case LUA_TBOOLEAN: return bl_pack_boolean(out, lua_toboolean(L, index));
    case LUA_TNUMBER:
      return lua_isinteger(L, index)
                 ? bl_pack_integer(out, lua_tointeger(L, index))
                 : bl_pack_float(out, lua_tonumber(L, index));
    default: return 1;
  }
}

/* Long strings are not worth it: what comes behind them may be deeper. */
int bl_lpack_flat(lua_State *L, int type, struct bl_buf *out) {
  enum { LONG = 1 << 12 };
  size_t n;
  if (type == LUA_TNUMBER && lua_isinteger(L, -1))
    return bl_pack_integer(out, lua_tointeger(L, -1));
  if (type == LUA_TNIL) return 1;
  if (type != LUA_TSTRING) return bl_lpack_scalar(L, -1, out);
  const char *s = lua_tolstring(L, -1, &n);
  return n < LONG ? bl_pack_string(out, s, n) : 1;
}

int bl_lpack_range(lua_State *L, int index, lua_Integer first, size_t n,
                   struct bl_buf *out) {
  size_t mark = bl_buf_length(out);
  int r = bl_pack_array(out, n);
  for (size_t i = 0; r == 0 && i < n; i++) {
    r = bl_lpack_flat(L, lua_rawgeti(L, index, first + (lua_Integer)i), out);
    lua_pop(L, 1);
  }
  if (r != 0) bl_buf_cut(out, mark);
  return r;
}

/* The item on top, above its key, if that is i. */
static int item_at(lua_State *L, lua_Integer i, struct bl_buf *out) {
  if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != i) return 1;
  int r = bl_lpack_flat(L, lua_type(L, -1), out);
  lua_pop(L, 1);
  return r;
}

int bl_lpack_list(lua_State *L, int index, struct bl_buf *out) {
  size_t n = lua_rawlen(L, index), i = 0, mark = bl_buf_length(out);
  int table = lua_absindex(L, index), top = lua_gettop(L);
  int r = bl_pack_array(out, n);
  lua_pushnil(L);
  while (r == 0 && lua_next(L, table))
    r = item_at(L, (lua_Integer)++i, out);
  lua_settop(L, top);
  if (r == 0 && i != n) r = 1;
  if (r != 0) bl_buf_cut(out, mark);
  return r;
}

int bl_lpack(struct bl_lwriter *w) {
  lua_State *L = w->L;
  int r = bl_lpack_scalar(L, -1, w->out);
  if (r <= 0) return r;
  int type = lua_type(L, -1);
  switch (type) {
    case LUA_TSTRING: return string(w, -1);
    case LUA_TTABLE: return object(w, 1);
    case LUA_TUSERDATA: return object(w, 0);
    case LUA_TFUNCTION: return bl_lfunction_pack(w);
    default: return bl_lwriter_refuse(w, lua_typename(L, type));
  }
}
