/* SPDX-License-Identifier: MIT */
#include "bindings/lerror.h"

#include "runtime/base.h"
#include "runtime/error.h"

/* Outcomes so common that the code says it all. */
static int is_common(int error) {
  return error == BL_ETIMEOUT || error == BL_ECLOSED || error == BL_EEMPTY ||
         error == BL_EFULL;
}

int bl_lerror_return(lua_State *L, int error, const char *where) {
  const char *code = bl_error_name(error);
  lua_pushnil(L); /* nil */
  if (is_common(error) || !where)
    lua_pushstring(L, bl_error_text(error));
  else
    lua_pushfstring(L, "%s (%s)", bl_error_text(error), where);
  lua_pushstring(L, code); /* nil sentence code */
  return 3;
}

static void set(lua_State *L, const char *key, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

void bl_lerror_new(lua_State *L, const char *code, const char *message,
                   const char *traceback) {
  lua_createtable(L, 0, 8);
  set(L, "code", code);
  set(L, "message", message);
  set(L, "traceback", traceback);
  luaL_setmetatable(L, BL_LERROR);
}

int bl_lerror_raise(lua_State *L, int error) {
  bl_lerror_new(L, bl_error_name(error), bl_error_text(error), NULL);
  return lua_error(L);
}

int bl_lerror_is(lua_State *L, int index) {
  int top = lua_gettop(L);
  int ours = lua_istable(L, index) && lua_getmetatable(L, index) &&
             (luaL_getmetatable(L, BL_LERROR), lua_rawequal(L, -1, -2));
  lua_settop(L, top);
  return ours;
}

static void push_field(lua_State *L, int index, const char *key,
                       const char *otherwise) {
  lua_getfield(L, index, key);
  if (lua_type(L, -1) == LUA_TSTRING) return;
  lua_pop(L, 1);
  lua_pushstring(L, otherwise);
}

/* As lua says it: an address would tell nobody anything. */
static void push_value_text(lua_State *L, int index) {
  int type = lua_type(L, index);
  int speaks = luaL_getmetafield(L, index, "__tostring") != LUA_TNIL;
  if (speaks) lua_pop(L, 1);
  if (speaks || type == LUA_TSTRING || type == LUA_TNUMBER)
    luaL_tolstring(L, index, NULL);
  else
    lua_pushfstring(L, "(error object is a %s value)",
                    lua_typename(L, type));
}

/* Pushes code and message, both strings, whatever the value is. */
static void describe(lua_State *L, int index, int ours) {
  if (ours) {
    push_field(L, index, "code", bl_error_name(BL_EREMOTE));
    push_field(L, index, "message", "error");
  } else {
    lua_pushstring(L, bl_error_name(BL_EREMOTE));
    push_value_text(L, index);
  }
}

void bl_lerror_wrap(lua_State *L, int index, const char *traceback) {
  index = lua_absindex(L, index);
  int ours = bl_lerror_is(L, index);
  describe(L, index, ours); /* code message */
  bl_lerror_new(L, lua_tostring(L, -2), lua_tostring(L, -1), traceback);
  lua_replace(L, -3);
  lua_pop(L, 1); /* error */
  if (lua_type(L, index) == LUA_TSTRING) return;
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "value");
  if (!ours) return;
  lua_getfield(L, index, "path");
  lua_setfield(L, -2, "path");
}

static const char *text(lua_State *L, int index, const char *key,
                        const char *otherwise) {
  lua_getfield(L, index, key);
  const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1); /* the table keeps it */
  return s ? s : otherwise;
}

struct bl_lerror_texts bl_lerror_texts(lua_State *L, int index) {
  struct bl_lerror_texts e = {bl_error_name(BL_EREMOTE), "error", ""};
  index = lua_absindex(L, index);
  if (lua_type(L, index) == LUA_TSTRING) e.message = lua_tostring(L, index);
  if (!bl_lerror_is(L, index)) return e;
  e.code = text(L, index, "code", e.code);
  e.message = text(L, index, "message", e.message);
  e.traceback = text(L, index, "traceback", e.traceback);
  return e;
}

/* The message, and the traceback of where it happened under it. */
static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  push_field(L, 1, "message", "error");
  lua_getfield(L, 1, "traceback");
  if (lua_type(L, -1) == LUA_TSTRING) {
    lua_pushliteral(L, "\n"); /* message traceback newline */
    lua_insert(L, -2);
    lua_concat(L, 3);
  } else {
    lua_pop(L, 1);
  }
  return 1;
}

/* For the Lua half: new_error(code, message). */
static int new_error(lua_State *L) {
  bl_lerror_new(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2), NULL);
  return 1;
}

void bl_lerror_open(lua_State *L) {
  luaL_newmetatable(L, BL_LERROR);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
  lua_pushcfunction(L, new_error);
  lua_setfield(L, -2, "new_error");
}
