/* SPDX-License-Identifier: MIT */
#include "bindings/lresult.h"

#include <limits.h>

#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "bindings/lfailure.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "bindings/lreport.h"
#include "bindings/lwaiter.h"
#include "runtime/error.h"

/* ---- nothing came ---- */

static void push_unsaid(lua_State *L, const struct bl_exit *e) {
  const char *message =
      lua_pushfstring(L, "%s without a result", bl_lfailure_end(L, e));
  bl_lerror_new(L, bl_error_name(BL_ELOST), message, NULL);
}

static void push_lost(lua_State *L, struct bl_lprocess *p) {
  if (bl_process_controlled(p->process))
    bl_lerror_new(L, bl_error_name(BL_ETERMINATED),
                  bl_error_text(BL_ETERMINATED), NULL);
  else
    push_unsaid(L, bl_process_exit(p->process));
  bl_lfailure_complete(L, p);
}

/* ---- something did ---- */

/* The error is on top. */
static int return_error(lua_State *L) {
  lua_pushnil(L);
  lua_insert(L, -2);
  lua_getfield(L, -1, "code"); /* nil error code */
  return 3;
}

static int return_code(lua_State *L, struct bl_lprocess *p, const char *code,
                       const char *message) {
  bl_lerror_new(L, code, message, NULL);
  bl_lfailure_complete(L, p);
  return return_error(L);
}

/* The told value is on top: a table with n, or an error. */
static int return_told(lua_State *L, struct bl_lprocess *p) {
  int told = lua_gettop(L);
  lua_pushliteral(L, "n");
  if (!lua_istable(L, told) || lua_rawget(L, told) != LUA_TNUMBER) {
    bl_lreport_take(L, told);
    bl_lfailure_complete(L, p);
    return return_error(L);
  }
  int known;
  lua_Integer n = lua_tointegerx(L, -1, &known);
  if (!known || n < 0 || n > INT_MAX || !lua_checkstack(L, (int)n))
    return return_code(L, p, bl_error_name(BL_ETOOBIG), "too many results");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, told, i);
  return (int)n;
}

static int return_text(lua_State *L, struct bl_lprocess *p, const char *text,
                       size_t size) {
  if (size == 0) return 0; /* it returned nothing */
  if (bl_lcodec_unpack(L, text, size, BL_PROFILE_UP) == 1)
    return return_told(L, p);
  return return_code(L, p, lua_tostring(L, -1), lua_tostring(L, -2));
}

static int return_result(lua_State *L, struct bl_lprocess *p) {
  const char *text;
  size_t size;
  int r = bl_process_text(p->process, BL_TEXT_RESULT, &text, &size);
  if (r > 0) return return_text(L, p, text, size);
  if (r < 0) return return_code(L, p, bl_error_name(r), bl_error_text(r));
  if (!bl_lfailure_push(L, p)) push_lost(L, p);
  return return_error(L);
}

/* ---- result: process timeout ---- */

/* It has ended and told, and only its fork server has not. */
static int has_told(struct bl_process *process) {
  const char *text;
  size_t size;
  return bl_process_owed(process) &&
         bl_process_text(process, BL_TEXT_RESULT, &text, &size) > 0;
}

static int result_look(lua_State *L, int64_t until_ns) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "result");
  int r = bl_process_join(p->process, until_ns);
  if (r == 0) r = has_told(p->process);
  return r == 0 ? BL_ETIMEOUT : r;
}

static int result_done(lua_State *L, int r) {
  if (r < 0) return bl_lerror_return(L, r, "result");
  struct bl_lprocess *p = bl_lprocess_test(L, 1);
  bl_lprocess_poll(L, p);
  return return_result(L, p);
}

static int process_result(lua_State *L) {
  static const struct bl_lcall result = {result_look, bl_lprocess_object,
                                         result_done};
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "result");
  if (p->command)
    return luaL_error(L, "result: a command returns nothing: use join() or "
                         "exitcode");
  return bl_lwaiter_call(L, &result, bl_lopt_deadline(L, 2));
}

void bl_lresult_open(lua_State *L) {
  lua_getfield(L, -1, "Process");
  lua_pushcfunction(L, process_result);
  lua_setfield(L, -2, "result");
  lua_pop(L, 1);
}
