/* SPDX-License-Identifier: MIT */
#include "bindings/loutcome.h"

#include <stdio.h>
#include <string.h>

#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "runtime/body.h"
#include "runtime/error.h"
#include "runtime/pack.h"

/* ---- in few words ---- */

/* Fits a slot, and takes no memory. */
static void tell_short(enum bl_text kind, const struct bl_lerror_texts *e) {
  char room[BL_TEXT_MAX];
  struct bl_buf out = {.data = room, .size = sizeof room};
  const struct {
    const char *key, *value;
    size_t most;
  } rows[] = {{"code", e->code, 64},
              {"message", e->message, 4096},
              {"traceback", e->traceback, 3072}};
  size_t n = *e->traceback ? 3 : 2;
  bl_pack_map(&out, n);
  for (size_t i = 0; i < n; i++) {
    bl_pack_string(&out, rows[i].key, strlen(rows[i].key));
    bl_pack_string(&out, rows[i].value, strnlen(rows[i].value, rows[i].most));
  }
  bl_body_tell(kind, bl_buf_front(&out), bl_buf_length(&out));
}

static void tell_unsaid(enum bl_text kind, int error) {
  char message[160];
  snprintf(message, sizeof message, "%s (result)", bl_error_text(error));
  struct bl_lerror_texts e = {bl_error_name(error), message, ""};
  tell_short(kind, &e);
}

/* ---- in full ---- */

/* Calls pack with the n values on top, which it takes, and out. LUA_OK, or an
 * error value is on top. */
static int call(lua_State *L, lua_CFunction pack, int n, struct bl_buf *out) {
  lua_pushcfunction(L, pack);
  lua_insert(L, -n - 1);
  lua_pushlightuserdata(L, out);
  return lua_pcall(L, n + 1, 0, 0);
}

/* What stands in out goes; 0 or an error. */
static int tell(enum bl_text kind, struct bl_buf *out) {
  int r = bl_body_tell(kind, bl_buf_front(out), bl_buf_length(out));
  bl_buf_reset(out);
  return r;
}

/* ---- an error ---- */

/* The value of the error at index 1 becomes a message in a string; or nothing
 * where it cannot travel. */
static void pack_value(lua_State *L, struct bl_buf *out) {
  if (lua_getfield(L, 1, "value") == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  if (bl_lcodec_pack(L, -1, BL_PROFILE_UP, "value", out) == 0)
    lua_pushlstring(L, bl_buf_front(out), bl_buf_length(out));
  else
    lua_pushnil(L);
  lua_setfield(L, 1, "value");
  bl_buf_cut(out, 0);
}

/* error out */
static int pack_error(lua_State *L) {
  struct bl_buf *out = lua_touserdata(L, 2);
  lua_settop(L, 1);
  if (!bl_lerror_is(L, 1)) {
    bl_lerror_wrap(L, 1, NULL);
    lua_replace(L, 1);
  }
  pack_value(L, out);
  return bl_lcodec_pack(L, 1, BL_PROFILE_UP, "error", out) < 0 ? lua_error(L)
                                                               : 0;
}

/* The error is on top, and stays. */
static void tell_error(lua_State *L, enum bl_text kind) {
  struct bl_buf out = {0};
  int failed = 1;
  if (lua_checkstack(L, LUA_MINSTACK)) {
    lua_pushvalue(L, -1);
    failed = call(L, pack_error, 1, &out) != LUA_OK;
    if (failed) lua_pop(L, 1);
  }
  if (!failed) failed = tell(kind, &out) < 0;
  bl_buf_reset(&out);
  if (!failed) return;
  struct bl_lerror_texts e = bl_lerror_texts(L, -1);
  tell_short(kind, &e);
}

void bl_loutcome_error(lua_State *L) { tell_error(L, BL_TEXT_ERROR); }

/* ---- values ---- */

/* values... out */
static int pack_values(lua_State *L) {
  struct bl_buf *out = lua_touserdata(L, -1);
  int n = lua_gettop(L) - 1;
  lua_settop(L, n);
  lua_createtable(L, n, 1);
  lua_insert(L, 1);
  for (int i = n; i >= 1; i--) lua_rawseti(L, 1, i);
  lua_pushinteger(L, n);
  lua_setfield(L, 1, "n");
  return bl_lcodec_pack(L, 1, BL_PROFILE_UP, "result", out) < 0 ? lua_error(L)
                                                                : 0;
}

static void tell_values(lua_State *L, int n) {
  struct bl_buf out = {0};
  if (call(L, pack_values, n, &out) != LUA_OK) {
    bl_buf_reset(&out);
    tell_error(L, BL_TEXT_RESULT);
    return;
  }
  int r = tell(BL_TEXT_RESULT, &out);
  if (r < 0) tell_unsaid(BL_TEXT_RESULT, r);
}

void bl_loutcome_values(lua_State *L, int first) {
  int n = lua_gettop(L) - first + 1;
  if (n == 0) bl_body_tell(BL_TEXT_RESULT, "", 0);
  else if (lua_checkstack(L, LUA_MINSTACK)) tell_values(L, n);
  else tell_unsaid(BL_TEXT_RESULT, BL_ETOOBIG);
  lua_settop(L, first - 1);
}
