/* SPDX-License-Identifier: MIT */
#include "bindings/loutcome.h"

#include <stdio.h>

#include "bindings/lcodec.h"
#include "bindings/lreport.h"
#include "runtime/body.h"
#include "runtime/error.h"

static void tell_short(enum bl_text kind, const struct bl_lerror_texts *e) {
  char room[BL_TEXT_MAX]; /* takes no memory */
  struct bl_buf out = {.data = room, .size = sizeof room};
  bl_lreport_short(e, &out);
  bl_body_tell(kind, bl_buf_front(&out), bl_buf_length(&out));
}

static void tell_unsaid(enum bl_text kind, int error) {
  char message[160];
  snprintf(message, sizeof message, "%s (result)", bl_error_text(error));
  struct bl_lerror_texts e = {bl_error_name(error), message, ""};
  tell_short(kind, &e);
}

/* What stands in out goes; 0 or an error. */
static int tell(enum bl_text kind, struct bl_buf *out) {
  int r = bl_body_tell(kind, bl_buf_front(out), bl_buf_length(out));
  bl_buf_reset(out);
  return r;
}

/* The error is on top, and stays. */
static void tell_error(lua_State *L, enum bl_text kind) {
  struct bl_buf out = {0};
  int r = bl_lreport_write(L, &out);
  if (r == 0) r = tell(kind, &out);
  bl_buf_reset(&out);
  if (r == 0) return;
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
  lua_pushcfunction(L, pack_values);
  lua_insert(L, -n - 1);
  lua_pushlightuserdata(L, &out);
  if (lua_pcall(L, n + 1, 0, 0) != LUA_OK) {
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
