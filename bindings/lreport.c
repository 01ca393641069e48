/* SPDX-License-Identifier: MIT */
#include "bindings/lreport.h"

#include <string.h>

#include "bindings/lcodec.h"
#include "bindings/linterrupt.h"
#include "runtime/error.h"
#include "runtime/pack.h"

int bl_lreport_describe(lua_State *L) {
  bl_linterrupt_leave(L);
  luaL_traceback(L, L, NULL, 1); /* value traceback */
  bl_lerror_wrap(L, 1, lua_tostring(L, 2));
  return 1;
}

/* ---- writing ---- */

/* The value of the error on top becomes a message in a string; or nothing
 * where it cannot travel. */
static void seal_value(lua_State *L, struct bl_buf *scratch) {
  size_t before = bl_buf_length(scratch);
  int error = lua_gettop(L);
  if (lua_getfield(L, error, "value") != LUA_TNIL) {
    if (bl_lcodec_pack(L, -1, BL_PROFILE_UP, "value", scratch) == 0)
      lua_pushlstring(L, bl_buf_front(scratch) + before,
                      bl_buf_length(scratch) - before);
    else
      lua_pushnil(L);
    bl_buf_cut(scratch, before);
    lua_setfield(L, error, "value");
  }
  lua_settop(L, error);
}

void bl_lreport_seal(lua_State *L, struct bl_buf *scratch) {
  if (!bl_lerror_is(L, -1)) {
    bl_lerror_wrap(L, -1, NULL);
    lua_replace(L, -2);
  }
  seal_value(L, scratch);
}

/* error out */
static int pack(lua_State *L) {
  struct bl_buf *out = lua_touserdata(L, 2);
  lua_settop(L, 1);
  bl_lreport_seal(L, out);
  return bl_lcodec_pack(L, 1, BL_PROFILE_UP, "error", out) < 0 ? lua_error(L)
                                                               : 0;
}

int bl_lreport_short(const struct bl_lerror_texts *e, struct bl_buf *out) {
  const struct {
    const char *key, *value;
    size_t most;
  } rows[] = {{"code", e->code, 64},
              {"message", e->message, 4096},
              {"traceback", e->traceback, 3072}};
  size_t n = *e->traceback ? 3 : 2;
  int r = bl_pack_map(out, n);
  for (size_t i = 0; r == 0 && i < n; i++) {
    r = bl_pack_string(out, rows[i].key, strlen(rows[i].key));
    if (r == 0)
      r = bl_pack_string(out, rows[i].value,
                         strnlen(rows[i].value, rows[i].most));
  }
  return r;
}

int bl_lreport_write(lua_State *L, struct bl_buf *out) {
  size_t before = bl_buf_length(out);
  if (lua_checkstack(L, LUA_MINSTACK)) {
    lua_pushcfunction(L, pack);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, out);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK) return 0;
    lua_pop(L, 1);
  }
  bl_buf_cut(out, before);
  struct bl_lerror_texts e = bl_lerror_texts(L, -1);
  int r = bl_lreport_short(&e, out);
  if (r < 0) bl_buf_cut(out, before);
  return r;
}

/* ---- reading ---- */

/* Pushes field key of the table at index, for which nobody's code is run. */
static int push_raw(lua_State *L, int index, const char *key) {
  lua_pushstring(L, key);
  return lua_rawget(L, index);
}

/* The error is on top. */
static void take_value(lua_State *L, int from) {
  size_t n;
  int error = lua_gettop(L);
  if (push_raw(L, from, "value") == LUA_TSTRING) {
    const char *bytes = lua_tolstring(L, -1, &n);
    if (bl_lcodec_unpack(L, bytes, n, BL_PROFILE_UP) == 1)
      lua_setfield(L, error, "value");
  }
  lua_settop(L, error);
}

void bl_lreport_take(lua_State *L, int index) {
  static const char *const keys[] = {"code", "message", "traceback", "path"};
  index = lua_absindex(L, index);
  bl_lerror_new(L, bl_error_name(BL_EREMOTE), "error", NULL);
  if (!lua_istable(L, index)) return;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (push_raw(L, index, keys[i]) == LUA_TSTRING)
      lua_setfield(L, -2, keys[i]);
    else
      lua_pop(L, 1);
  take_value(L, index);
}

void bl_lreport_read(lua_State *L, const char *bytes, size_t n) {
  int top = lua_gettop(L);
  if (bl_lcodec_unpack(L, bytes, n, BL_PROFILE_UP) == 1)
    bl_lreport_take(L, -1);
  else /* nil sentence code */
    bl_lerror_new(L, lua_tostring(L, -1), lua_tostring(L, -2), NULL);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}
