/* SPDX-License-Identifier: MIT */
/* The values of a task: its function, its arguments, its results. */
#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lwork_impl.h"
#include "runtime/error.h"

#define SHARES lua_upvalueindex(1)

int bl_lwork_fail(lua_State *L, const char *format, const char *what) {
  const char *message = lua_pushfstring(L, format, what);
  bl_lerror_new(L, bl_error_name(BL_EREMOTE), message, NULL);
  return lua_error(L);
}

void bl_lwork_unpack(lua_State *L, const struct bl_lreceived *m,
                     const char *format) {
  int n = bl_lcodec_take(L, m, BL_PROFILE_DOWN);
  if (n < 0) lua_error(L);
  if (n > 1) bl_lwork_fail(L, format, lua_tostring(L, -2));
}

/* "module:function" is on top, and becomes the function. */
static void resolve(lua_State *L) {
  const char *name = lua_tostring(L, -1), *colon = strchr(name, ':');
  if (!colon) {
    bl_lwork_fail(L, "'%s' is no \"module:function\"", name);
    return;
  }
  lua_getglobal(L, "require");
  lua_pushlstring(L, name, (size_t)(colon - name));
  lua_call(L, 1, 1); /* name module */
  if (lua_istable(L, -1)) lua_getfield(L, -1, colon + 1);
  else lua_pushnil(L);
  if (lua_isnil(L, -1)) bl_lwork_fail(L, "there is no '%s'", name);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void bl_lwork_share(lua_State *L, const struct bl_lwork *w) {
  struct bl_lreceived m = {0};
  lua_Integer share = w->task->share;
  lua_rawgeti(L, SHARES, share);
  if (lua_type(L, -1) == LUA_TFUNCTION) return;
  m.bytes = lua_tolstring(L, -1, &m.size);
  if (!m.bytes) bl_lwork_fail(L, "the function did not arrive%s", "");
  bl_lwork_unpack(L, &m, BL_LWORK_BAD_FUNCTION);
  if (lua_type(L, -1) == LUA_TSTRING) resolve(L);
  lua_pushvalue(L, -1); /* bytes function function */
  lua_rawseti(L, SHARES, share);
  lua_replace(L, -2);
}

int bl_lwork_spread(lua_State *L, int index) {
  lua_pushliteral(L, "n");
  lua_Integer n = lua_rawget(L, index) == LUA_TNUMBER
                      ? lua_tointeger(L, -1)
                      : (lua_Integer)lua_rawlen(L, index);
  lua_pop(L, 1);
  if (n < 0 || n > INT32_MAX - LUA_MINSTACK ||
      !lua_checkstack(L, (int)n + LUA_MINSTACK))
    luaL_error(L, "too many arguments");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, index, i);
  return (int)n;
}

int bl_lwork_pack(lua_State *L, const char *root, struct bl_buf *out) {
  if (bl_lcodec_pack(L, -1, BL_PROFILE_UP, root, out) == 0) return 0;
  if (!bl_lerror_is(L, -1)) return -1;
  lua_pushstring(L, bl_error_name(BL_EREMOTE));
  lua_setfield(L, -2, "code");
  return -1;
}
