/* SPDX-License-Identifier: MIT */
#include "bindings/lunpack.h"

#include "bindings/lfunction.h"
#include "bindings/lname.h"
#include "bindings/ltype.h"
#include "runtime/pack.h"

void bl_lunpack_next(struct bl_lunpack *u, struct bl_unpack_item *item) {
  if (bl_unpack_next(&u->in, item) < 0)
    luaL_error(u->L, "the message changed while it was read");
}

/* ---- ordinals ---- */

size_t bl_lunpack_number(struct bl_lunpack *u) { return ++u->ordinals; }

void bl_lunpack_keep(struct bl_lunpack *u, size_t ordinal) {
  if (!u->refs) return;
  lua_pushvalue(u->L, -1);
  lua_rawseti(u->L, u->refs, (lua_Integer)ordinal);
}

void bl_lunpack_reference(struct bl_lunpack *u, uint64_t ordinal) {
  if (lua_rawgeti(u->L, u->refs, (lua_Integer)ordinal) == LUA_TNIL)
    luaL_error(u->L, "a reference to an object that is not yet made");
}

/* ---- tables ---- */

static void array(struct bl_lunpack *u, size_t n) {
  lua_createtable(u->L, (int)n, 0);
  bl_lunpack_keep(u, bl_lunpack_number(u));
  for (size_t i = 1; i <= n; i++) {
    bl_lunpack_value(u);
    lua_rawseti(u->L, -2, (lua_Integer)i);
  }
}

/* Strangers may not say a thing twice: who checks and who uses could differ.
 * The key is on top of the table. */
static void refuse_twice(lua_State *L) {
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) != LUA_TNIL) luaL_error(L, "a key that comes twice");
  lua_pop(L, 1);
}

static void map(struct bl_lunpack *u, size_t n) {
  lua_createtable(u->L, 0, (int)n);
  bl_lunpack_keep(u, bl_lunpack_number(u));
  for (size_t i = 0; i < n; i++) {
    bl_lunpack_value(u); /* table key */
    if (u->profile == BL_PROFILE_PLAIN) refuse_twice(u->L);
    bl_lunpack_value(u);
    lua_rawset(u->L, -3);
  }
}

/* ---- extensions ---- */

/* Pushes a string, whatever its length. */
static const char *head(struct bl_lunpack *u) {
  struct bl_unpack_item it;
  bl_lunpack_next(u, &it);
  lua_pushlstring(u->L, it.bytes, it.size);
  return lua_tostring(u->L, -1);
}

static void reference(struct bl_lunpack *u, const char *end) {
  (void)end;
  struct bl_unpack_item it;
  bl_lunpack_next(u, &it);
  bl_lunpack_reference(u, (uint64_t)it.integer);
}

/* A module, or the function in it that is named next. */
static void name(struct bl_lunpack *u, const char *end) {
  lua_State *L = u->L;
  int has_field = 0;
  const char *module = head(u), *field = NULL;
  if (u->in.at < end) has_field = 1, field = head(u);
  u->error = BL_ELOAD;
  bl_lname_module(L, module, u->profile == BL_PROFILE_DOWN);
  if (has_field) {
    if (!lua_istable(L, -1)) luaL_error(L, "module '%s' is no table", module);
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -2) != LUA_TFUNCTION) /* nothing else is named so */
      luaL_error(L, "module '%s' has no function '%s'", module, field);
    lua_remove(L, -2);
    lua_remove(L, -2); /* name value */
  }
  u->error = BL_EBAD_FRAME;
  lua_remove(L, -2);
}

static void object(struct bl_lunpack *u, const char *end) {
  (void)end;
  size_t ordinal = bl_lunpack_number(u);
  const char *type = head(u);
  bl_ltype_metatable(u->L, type); /* name mt */
  if (!bl_ltype_method(u->L, "__unpack"))
    luaL_error(u->L, "type '%s' has no __unpack here", type);
  bl_lunpack_value(u); /* name mt __unpack value */
  lua_call(u->L, 1, 1);
  bl_lunpack_keep(u, ordinal);
  lua_replace(u->L, -3);
  lua_pop(u->L, 1);
}

static void typed(struct bl_lunpack *u, const char *end) {
  (void)end;
  const char *type = head(u);
  bl_ltype_metatable(u->L, type); /* name mt */
  if (bl_ltype_method(u->L, "__unpack"))
    luaL_error(u->L, "type '%s' has an __unpack here", type);
  bl_lunpack_value(u); /* name mt table */
  lua_insert(u->L, -2);
  lua_setmetatable(u->L, -2);
  lua_remove(u->L, -2);
}

static void misplaced(struct bl_lunpack *u, const char *end) {
  (void)end;
  luaL_error(u->L, "a cell outside of a function");
}

static void (*const extensions[])(struct bl_lunpack *u, const char *end) = {
    [BL_PACK_REFERENCE] = reference, [BL_PACK_NAME] = name,
    [BL_PACK_FUNCTION] = bl_lfunction_unpack, [BL_PACK_CELL] = misplaced,
    [BL_PACK_OBJECT] = object, [BL_PACK_TYPED] = typed,
};

void bl_lunpack_value(struct bl_lunpack *u) {
  lua_State *L = u->L;
  struct bl_unpack_item it;
  bl_lunpack_next(u, &it);
  switch (it.kind) {
    case BL_UNPACK_NIL: lua_pushnil(L); return;
    case BL_UNPACK_BOOLEAN: lua_pushboolean(L, (int)it.integer); return;
    case BL_UNPACK_INTEGER: lua_pushinteger(L, it.integer); return;
    case BL_UNPACK_FLOAT: lua_pushnumber(L, it.number); return;
    case BL_UNPACK_STRING: lua_pushlstring(L, it.bytes, it.size); return;
    default: break;
  }
  luaL_checkstack(L, 12, "message");
  if (it.kind == BL_UNPACK_ARRAY) array(u, it.size);
  else if (it.kind == BL_UNPACK_MAP) map(u, it.size);
  else extensions[it.type](u, u->in.at + it.size);
}
