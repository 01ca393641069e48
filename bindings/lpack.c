/* SPDX-License-Identifier: MIT */
#include "bindings/lpack.h"

#include <string.h>

#include "bindings/lfunction.h"
#include "bindings/lname.h"
#include "bindings/ltype.h"

void bl_lpack_init(struct bl_lpack *p, lua_State *L, enum bl_profile profile,
                   struct bl_buf *out) {
  p->L = L;
  p->out = out;
  p->profile = profile;
  p->depth = p->ordinals = 0;
  p->fresh = 0;
  p->what = NULL;
  bl_lpath_init(&p->path);
  bl_lseen_init(&p->seen, BL_LPACK_SEEN);
}

/* ---- refusing ---- */

int bl_lpack_refuse(struct bl_lpack *p, const char *what) {
  p->what = what;
  return BL_EUNSENDABLE;
}

/* ---- containers ---- */

static int enter(struct bl_lpack *p) {
  if (p->depth >= bl_inspect_limits(p->profile)->depth ||
      !lua_checkstack(p->L, 24))
    return bl_lpack_refuse(p, p->profile == BL_PROFILE_PLAIN
                                  ? "nested too deep, or a cycle"
                                  : "nested too deep");
  p->depth++;
  return 0;
}

int bl_lpack_open(struct bl_lpack *p, enum bl_pack_extension type,
                  size_t *mark) {
  int r = enter(p);
  return r < 0 ? r : bl_pack_open_extension(p->out, type, mark);
}

int bl_lpack_close(struct bl_lpack *p, size_t mark) {
  p->depth--;
  int r = bl_pack_close(p->out, mark);
  return r == BL_ETOO_BIG ? bl_lpack_refuse(p, "4 GiB or more") : r;
}

struct bl_lseen_entry *bl_lpack_number(struct bl_lpack *p, const void *key) {
  struct bl_lseen_entry *e = bl_lseen_add(p->L, &p->seen, key);
  e->ordinal = ++p->ordinals;
  return e;
}

int bl_lpack_reference(struct bl_lpack *p, const struct bl_lseen_entry *e) {
  size_t mark;
  if (e->open) return bl_lpack_refuse(p, "a cycle through its own __pack");
  int r = bl_lpack_open(p, BL_PACK_REFERENCE, &mark);
  if (r == 0) r = bl_pack_integer(p->out, e->ordinal);
  return r < 0 ? r : bl_lpack_close(p, mark);
}

int bl_lpack_name(struct bl_lpack *p, const char *module, const char *field) {
  size_t mark;
  int r = bl_lpack_open(p, BL_PACK_NAME, &mark);
  if (r == 0) r = bl_pack_string(p->out, module, strlen(module));
  if (r == 0 && field) r = bl_pack_string(p->out, field, strlen(field));
  return r < 0 ? r : bl_lpack_close(p, mark);
}

static int array(struct bl_lpack *p, size_t n) {
  int r = bl_pack_array(p->out, n);
  for (size_t i = 1; r == 0 && i <= n; i++) {
    lua_rawgeti(p->L, -1, (lua_Integer)i);
    r = bl_lpack_value(p);
    if (r == BL_EUNSENDABLE) bl_lpath_number(&p->path, (lua_Integer)i);
    if (r == 0) lua_pop(p->L, 1);
  }
  return r;
}

static int string(struct bl_lpack *p, int index) {
  size_t n;
  const char *s = lua_tolstring(p->L, index, &n);
  int r = bl_pack_string(p->out, s, n);
  return r == BL_ETOO_BIG ? bl_lpack_refuse(p, "string of 4 GiB or more") : r;
}

static int pair(struct bl_lpack *p, int key) {
  int r;
  if (lua_type(p->L, key) == LUA_TSTRING) {
    r = string(p, key);
  } else {
    lua_pushvalue(p->L, key);
    r = bl_lpack_value(p);
    if (r == 0) lua_pop(p->L, 1);
  }
  return r == 0 ? bl_lpack_value(p) : r;
}

static int pairs(struct bl_lpack *p, size_t mark, size_t *n) {
  lua_State *L = p->L;
  int key = lua_gettop(L) + 1;
  lua_pushnil(L);
  while (lua_next(L, key - 1)) {
    int r = bl_pack_next_pair(p->out, mark, ++*n);
    if (r == 0) r = pair(p, key);
    if (r == BL_EUNSENDABLE) bl_lpath_key(&p->path, L, key);
    if (r != 0) return r;
    lua_settop(L, key);
  }
  return 0;
}

/* An empty table is an array. */
static int map(struct bl_lpack *p) {
  size_t mark, n = 0;
  int r = bl_pack_open_map(p->out, &mark);
  if (r == 0) r = pairs(p, mark, &n);
  if (r != 0) return r;
  if (n > 0) bl_pack_close_map(p->out, mark, n);
  else bl_buf_cut(p->out, mark), r = bl_pack_array(p->out, 0);
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

/* What a table holds, with its header, whatever its metatable. */
static int contents(struct bl_lpack *p) {
  int r = enter(p);
  if (r != 0) return r;
  size_t n = lua_rawlen(p->L, -1);
  r = n > 0 && is_array(p->L, n) ? array(p, n) : map(p);
  p->depth--;
  return r;
}

/* ---- objects: of registered types ---- */

/* Calls __pack, which is on top, with the object; keeps the result while the
 * message is written: the address of what dies could come again. */
static void call_pack(struct bl_lpack *p, int object) {
  lua_State *L = p->L;
  lua_pushvalue(L, object);
  lua_call(L, 1, 1);
  if (lua_isnil(L, BL_LPACK_KEEP)) {
    lua_newtable(L);
    lua_replace(L, BL_LPACK_KEEP);
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, BL_LPACK_KEEP,
              (lua_Integer)lua_rawlen(L, BL_LPACK_KEEP) + 1);
}

/* Stack: object metatable name __pack. */
static int packed(struct bl_lpack *p, int object) {
  const void *key = lua_topointer(p->L, object);
  bl_lpack_number(p, key)->open = 1;
  call_pack(p, object);
  int r = bl_lpack_value(p);
  bl_lseen_find(&p->seen, key)->open = 0;
  return r;
}

static int named_contents(struct bl_lpack *p, int object) {
  if (lua_type(p->L, object) != LUA_TTABLE)
    return bl_lpack_refuse(p, "userdata whose type has no __pack");
  bl_lpack_number(p, lua_topointer(p->L, object));
  lua_pushvalue(p->L, object);
  return contents(p);
}

/* Stack: object metatable name. */
static int typed(struct bl_lpack *p, int object) {
  lua_State *L = p->L;
  size_t mark, n;
  if (p->profile == BL_PROFILE_PLAIN)
    return bl_lpack_refuse(p, "an object (strangers get plain data)");
  lua_pushvalue(L, object + 1); /* object metatable name metatable */
  int packs = bl_ltype_method(L, "__pack");
  const char *name = lua_tolstring(L, object + 2, &n);
  int r = bl_lpack_open(p, packs ? BL_PACK_OBJECT : BL_PACK_TYPED, &mark);
  if (r == 0) r = bl_pack_string(p->out, name, n);
  if (r == 0) r = packs ? packed(p, object) : named_contents(p, object);
  if (r == 0) r = bl_lpack_close(p, mark);
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

static int is_module(struct bl_lpack *p) {
  lua_pushvalue(p->L, -1);
  int known = lua_rawget(p->L, BL_LPACK_INDEX) != LUA_TNIL;
  lua_pop(p->L, 1);
  return known && bl_lname_find(p->L, BL_LPACK_INDEX) == 1;
}

/* A table or a userdata. */
static int object(struct bl_lpack *p, int is_table) {
  lua_State *L = p->L;
  int here = lua_gettop(L);
  if (p->profile != BL_PROFILE_PLAIN) {
    const void *key = lua_topointer(L, -1);
    struct bl_lseen_entry *e = bl_lseen_find(&p->seen, key);
    if (e) return bl_lpack_reference(p, e);
    if (is_module(p)) {
      int r = bl_lpack_name(p, lua_tostring(L, -1), NULL);
      lua_settop(L, here);
      return r;
    }
  }
  if (is_typed(L)) return typed(p, here);
  if (!is_table) return bl_lpack_refuse(p, "userdata");
  if (p->profile != BL_PROFILE_PLAIN)
    bl_lpack_number(p, lua_topointer(L, here));
  return contents(p);
}

int bl_lpack_value(struct bl_lpack *p) {
  lua_State *L = p->L;
  int type = lua_type(L, -1);
  switch (type) {
    case LUA_TNIL: return bl_pack_nil(p->out);
    case LUA_TBOOLEAN: return bl_pack_boolean(p->out, lua_toboolean(L, -1));
    case LUA_TNUMBER:
      return lua_isinteger(L, -1)
                 ? bl_pack_integer(p->out, lua_tointeger(L, -1))
                 : bl_pack_float(p->out, lua_tonumber(L, -1));
    case LUA_TSTRING: return string(p, -1);
    case LUA_TTABLE: return object(p, 1);
    case LUA_TUSERDATA: return object(p, 0);
    case LUA_TFUNCTION: return bl_lfunction_pack(p);
    default: return bl_lpack_refuse(p, lua_typename(L, type));
  }
}
