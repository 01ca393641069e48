/* SPDX-License-Identifier: MIT */
#include "bindings/lunpack.h"

#include "bindings/lfunction.h"
#include "bindings/lhandle.h"
#include "bindings/lname.h"
#include "bindings/ltype.h"
#include "runtime/pack.h"

/* ---- tables ---- */

static void array(struct bl_lreader *r, size_t n) {
  lua_createtable(r->L, (int)n, 0);
  bl_lreader_keep(r, bl_lreader_number(r));
  for (size_t i = 1; i <= n; i++) {
    bl_lunpack(r);
    lua_rawseti(r->L, -2, (lua_Integer)i);
  }
}

/* Strangers may not say a thing twice: who checks and who uses could differ.
 * The key is on top of the table. */
static void refuse_twice(lua_State *L) {
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) != LUA_TNIL) luaL_error(L, "a key that comes twice");
  lua_pop(L, 1);
}

static void map(struct bl_lreader *r, size_t n) {
  lua_createtable(r->L, 0, (int)n);
  bl_lreader_keep(r, bl_lreader_number(r));
  for (size_t i = 0; i < n; i++) {
    bl_lunpack(r); /* table key */
    if (r->profile == BL_PROFILE_PLAIN) refuse_twice(r->L);
    bl_lunpack(r);
    lua_rawset(r->L, -3);
  }
}

/* ---- extensions ---- */

/* Pushes a string, whatever its length. */
static const char *head(struct bl_lreader *r) {
  struct bl_unpack_item it;
  bl_lreader_next(r, &it);
  lua_pushlstring(r->L, it.bytes, it.size);
  return lua_tostring(r->L, -1);
}

static void reference(struct bl_lreader *r, const char *end) {
  (void)end;
  struct bl_unpack_item it;
  bl_lreader_next(r, &it);
  bl_lreader_reference(r, (uint64_t)it.integer);
}

/* A module, or the function in it that is named next. */
static void name(struct bl_lreader *r, const char *end) {
  lua_State *L = r->L;
  int has_field = 0;
  const char *module = head(r), *field = NULL;
  if (r->in.at < end) has_field = 1, field = head(r);
  r->error = BL_ELOAD;
  bl_lname_module(L, module, r->profile == BL_PROFILE_DOWN);
  if (has_field) {
    if (!lua_istable(L, -1)) luaL_error(L, "module '%s' is no table", module);
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -2) != LUA_TFUNCTION) /* nothing else is named so */
      luaL_error(L, "module '%s' has no function '%s'", module, field);
    lua_remove(L, -2);
    lua_remove(L, -2); /* name value */
  }
  r->error = BL_EBADFRAME;
  lua_remove(L, -2);
}

static void object(struct bl_lreader *r, const char *end) {
  (void)end;
  size_t ordinal = bl_lreader_number(r);
  const char *type = head(r);
  bl_ltype_metatable(r->L, type); /* name mt */
  if (!bl_ltype_method(r->L, "__unpack"))
    luaL_error(r->L, "type '%s' has no __unpack here", type);
  bl_lunpack(r); /* name mt __unpack value */
  lua_call(r->L, 1, 1);
  bl_lreader_keep(r, ordinal);
  lua_replace(r->L, -3);
  lua_pop(r->L, 1);
}

static void typed(struct bl_lreader *r, const char *end) {
  (void)end;
  const char *type = head(r);
  bl_ltype_metatable(r->L, type); /* name mt */
  if (bl_ltype_method(r->L, "__unpack"))
    luaL_error(r->L, "type '%s' has an __unpack here", type);
  bl_lunpack(r); /* name mt table */
  lua_insert(r->L, -2);
  lua_setmetatable(r->L, -2);
  lua_remove(r->L, -2);
}

static void misplaced(struct bl_lreader *r, const char *end) {
  (void)end;
  luaL_error(r->L, "a cell outside of a function");
}

static void (*const extensions[])(struct bl_lreader *r, const char *end) = {
    [BL_PACK_REFERENCE] = reference, [BL_PACK_NAME] = name,
    [BL_PACK_FUNCTION] = bl_lfunction_unpack, [BL_PACK_CELL] = misplaced,
    [BL_PACK_OBJECT] = object, [BL_PACK_TYPED] = typed,
    [BL_PACK_HANDLE] = bl_lhandle_unpack,
};

int bl_lunpack_scalar(lua_State *L, const struct bl_unpack_item *it) {
  switch (it->kind) {
    case BL_UNPACK_NIL: lua_pushnil(L); return 1;
    case BL_UNPACK_BOOLEAN: lua_pushboolean(L, (int)it->integer); return 1;
    case BL_UNPACK_INTEGER: lua_pushinteger(L, it->integer); return 1;
    case BL_UNPACK_FLOAT: lua_pushnumber(L, it->number); return 1;
    default: return 0;
  }
}

int bl_lunpack_no_integer(lua_State *L, const struct bl_unpack_item *it) {
  if (bl_lunpack_scalar(L, it)) return 1;
  if (it->kind != BL_UNPACK_STRING) return 0;
  lua_pushlstring(L, it->bytes, it->size);
  return 1;
}

ptrdiff_t bl_lunpack_open(struct bl_unpack *u, const char *bytes,
                          size_t size) {
  struct bl_unpack_item it;
  *u = (struct bl_unpack){bytes, bytes + size};
  if (bl_unpack_next(u, &it) < 0 || it.kind != BL_UNPACK_ARRAY) return -1;
  return (ptrdiff_t)it.size; /* no more than there are bytes */
}

int bl_lunpack_fill(lua_State *L, int index, lua_Integer first, ptrdiff_t n,
                    struct bl_unpack *u) {
  struct bl_unpack_item it;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (bl_unpack_next(u, &it) < 0 || !bl_lunpack_flat(L, &it)) return 0;
    lua_rawseti(L, index, first + i);
  }
  return u->at == u->end;
}

void bl_lunpack(struct bl_lreader *r) {
  lua_State *L = r->L;
  struct bl_unpack_item it;
  bl_lreader_next(r, &it);
  if (bl_lunpack_flat(L, &it)) return;
  luaL_checkstack(L, 12, "message");
  if (it.kind == BL_UNPACK_ARRAY) array(r, it.size);
  else if (it.kind == BL_UNPACK_MAP) map(r, it.size);
  else extensions[it.type](r, r->in.at + it.size);
}
