/* SPDX-License-Identifier: MIT */
#include "bindings/lopt.h"

#include <math.h>
#include <string.h>

#include "runtime/clock.h"

/* What the value on top is, for an error: a number itself, else its type. */
static const char *seen(lua_State *L) {
  if (lua_type(L, -1) == LUA_TNUMBER) return luaL_tolstring(L, -1, NULL);
  return luaL_typename(L, -1);
}

int bl_lopt_bad(lua_State *L, const char *owner, const char *key,
                const char *wanted) {
  return luaL_error(L, "%s: option '%s' must be %s, got %s", owner, key,
                    wanted, seen(L));
}

int bl_lopt_wrong(lua_State *L, int arg, const char *owner, const char *name,
                  const char *wanted) {
  lua_settop(L, arg); /* none is nil */
  return luaL_error(L, "%s: %s must be %s, got %s", owner, name, wanted,
                    seen(L));
}

lua_Integer bl_lopt_integer(lua_State *L, int arg, const char *owner,
                            const char *name, lua_Integer min,
                            lua_Integer max) {
  int exact = 0;
  lua_Integer n = lua_tointegerx(L, arg, &exact);
  if (!exact) return bl_lopt_wrong(L, arg, owner, name, "an integer");
  if (n >= min && n <= max) return n;
  return luaL_error(L, "%s: %s must be an integer from %I to %I, got %I", owner,
                    name, (LUAI_UACINT)min, (LUAI_UACINT)max, (LUAI_UACINT)n);
}

static const char *is_function(lua_State *L, const struct bl_lopt *o) {
  (void)o;
  if (lua_isfunction(L, -1)) return NULL;
  int callable = luaL_getmetafield(L, -1, "__call") != LUA_TNIL;
  if (callable) lua_pop(L, 1);
  return callable ? NULL : "a function";
}

static const char *is_table(lua_State *L, const struct bl_lopt *o) {
  (void)o;
  return lua_istable(L, -1) ? NULL : "a table";
}

static const char *is_string(lua_State *L, const struct bl_lopt *o) {
  (void)o;
  if (lua_type(L, -1) != LUA_TSTRING) return "a string";
  return strlen(lua_tostring(L, -1)) == lua_rawlen(L, -1)
             ? NULL
             : "a string without null bytes";
}

static const char *is_boolean(lua_State *L, const struct bl_lopt *o) {
  (void)o;
  return lua_isboolean(L, -1) ? NULL : "a boolean";
}

static const char *is_integer(lua_State *L, const struct bl_lopt *o) {
  int exact = 0;
  lua_Integer n = lua_tointegerx(L, -1, &exact);
  if (lua_type(L, -1) != LUA_TNUMBER || !exact) return "an integer";
  if (n >= o->min && n <= o->max) return NULL;
  return lua_pushfstring(L, "an integer from %I to %I", (LUAI_UACINT)o->min,
                         (LUAI_UACINT)o->max);
}

static const char *is_seconds(lua_State *L, const struct bl_lopt *o) {
  (void)o;
  if (lua_type(L, -1) != LUA_TNUMBER) return "a number of seconds";
  return lua_tonumber(L, -1) >= 0 ? NULL : "a number of seconds >= 0";
}

/* What the value on top should have been, null where it is right. */
static const char *(*const types[])(lua_State *, const struct bl_lopt *) = {
    [BL_LOPT_FUNCTION] = is_function, [BL_LOPT_TABLE] = is_table,
    [BL_LOPT_STRING] = is_string,     [BL_LOPT_BOOLEAN] = is_boolean,
    [BL_LOPT_INTEGER] = is_integer,   [BL_LOPT_SECONDS] = is_seconds};

static int unknown(lua_State *L, const char *owner, const char *key,
                   const struct bl_lopt *known) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const struct bl_lopt *o = known; o->key; o++) {
    if (o != known) luaL_addstring(&b, ", ");
    luaL_addstring(&b, o->key);
  }
  luaL_pushresult(&b);
  return luaL_error(L, "%s: unknown option '%s' (known: %s)", owner, key,
                    lua_tostring(L, -1));
}

static void check_one(lua_State *L, const char *owner,
                      const struct bl_lopt *known) {
  if (lua_type(L, -2) != LUA_TSTRING) {
    luaL_tolstring(L, -2, NULL);
    unknown(L, owner, lua_tostring(L, -1), known);
  }
  const char *key = lua_tostring(L, -2);
  const struct bl_lopt *o = known;
  while (o->key && strcmp(o->key, key) != 0) o++;
  if (!o->key) unknown(L, owner, key, known);
  int top = lua_gettop(L);
  const char *wanted = types[o->type] ? types[o->type](L, o) : NULL;
  if (wanted) {
    wanted = lua_pushstring(L, wanted);
    lua_pushvalue(L, top);
    bl_lopt_bad(L, owner, key, wanted);
  }
  if (o->check) o->check(L, owner, key);
}

void bl_lopt_check(lua_State *L, int index, const char *owner,
                   const struct bl_lopt *known) {
  index = lua_absindex(L, index);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    check_one(L, owner, known);
    lua_pop(L, 1);
  }
}

int64_t bl_lopt_ns(lua_State *L, int index) {
  lua_Number s = lua_tonumber(L, index);
  if (s <= 0) return 0;
  return s >= (lua_Number)BL_FOREVER / (lua_Number)BL_SECOND_NS
             ? BL_FOREVER
             : (int64_t)(s * (lua_Number)BL_SECOND_NS);
}

int64_t bl_lopt_duration(lua_State *L, int arg, int64_t otherwise_ns) {
  if (lua_isnoneornil(L, arg)) return otherwise_ns;
  luaL_argexpected(L, lua_type(L, arg) == LUA_TNUMBER, arg,
                   "number of seconds");
  luaL_argcheck(L, !isnan(lua_tonumber(L, arg)), arg, "NaN is no time");
  return bl_lopt_ns(L, arg);
}

int64_t bl_lopt_deadline(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) return BL_FOREVER;
  int64_t ns = bl_lopt_duration(L, arg, BL_FOREVER);
  return ns == BL_FOREVER ? BL_FOREVER : bl_deadline_ns(ns);
}

int bl_lopt_push_left(lua_State *L, int64_t deadline_ns) {
  if (deadline_ns == BL_FOREVER) return 0;
  int64_t left = deadline_ns - bl_now_ns();
  lua_pushnumber(L, (lua_Number)(left > 0 ? left : 0) /
                        (lua_Number)BL_SECOND_NS);
  return 1;
}
