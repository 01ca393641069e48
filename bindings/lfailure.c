/* SPDX-License-Identifier: MIT */
#include "bindings/lfailure.h"

#include "bindings/lreport.h"
#include "runtime/error.h"
#include "runtime/signame.h"

/* ---- told by the child ---- */

static int from_text(lua_State *L, struct bl_lprocess *p) {
  const char *text;
  size_t size;
  int r = bl_process_text(p->process, BL_TEXT_ERROR, &text, &size);
  if (r == 0) return 0;
  if (r < 0) {
    bl_lerror_new(L, bl_error_name(r), bl_error_text(r), NULL);
    return 1;
  }
  bl_lreport_read(L, text, size);
  return 1;
}

/* ---- seen from here ---- */

/* Why the child may have ended before it could say a word. */
static const char *guess(lua_State *L, int program) {
  if (bl_lprocess_spec(L, 1, "limits") == LUA_TTABLE)
    return "; its limits may be why";
  return program ? BL_LFAILURE_NO_HOST : "";
}

/* A child that is no fork ended, and told nothing. */
static const char *push_silence(lua_State *L, const struct bl_exit *e) {
  int program = bl_lprocess_spec(L, 1, "program") == LUA_TSTRING;
  const char *who = program ? lua_tostring(L, -1) : "the child";
  const char *end = bl_lfailure_end(L, e);
  const char *why = guess(L, program && e->how != BL_HOW_SIGNALED);
  return lua_pushfstring(L, "%s %s without answering%s", who, end, why);
}

static int from_step(lua_State *L, struct bl_lprocess *p) {
  enum bl_step step;
  int r = bl_process_late_failure(p->process, &step);
  if (r >= 0) return 0;
  const char *text = r == BL_ESTART
                         ? push_silence(L, bl_process_exit(p->process))
                         : bl_error_text(r);
  const char *message = lua_pushfstring(L, "%s (%s)", text, bl_step_text(step));
  bl_lerror_new(L, bl_error_name(r), message, NULL);
  return 1;
}

/* A signal by which the kernel enforces a limit of ours. */
static int from_limit(lua_State *L, struct bl_lprocess *p) {
  static const struct {
    const char *signal, *limit, *code;
  } rows[] = {{"XCPU", "cpu", "TimeLimitExceeded"}, {"XFSZ", "fsize", "EFBIG"}};
  const struct bl_exit *e = bl_process_exit(p->process);
  if (e->how != BL_HOW_SIGNALED) return 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (bl_signal_number(rows[i].signal) != e->code) continue;
    if (bl_lprocess_spec(L, 1, "limits") != LUA_TTABLE ||
        lua_getfield(L, -1, rows[i].limit) == LUA_TNIL)
      return 0;
    const char *message =
        lua_pushfstring(L, "limit %s = %s reached (SIG%s)", rows[i].limit,
                        lua_tostring(L, -1), rows[i].signal);
    bl_lerror_new(L, rows[i].code, message, NULL);
    return 1;
  }
  return 0;
}

/* ---- whole ---- */

const char *bl_lfailure_end(lua_State *L, const struct bl_exit *e) {
  switch (e->how) {
    case BL_HOW_EXITED:
      return lua_pushfstring(L, "exited with status %d", e->code);
    case BL_HOW_SIGNALED:
      return lua_pushfstring(L, "ended by %s", bl_signal_name(e->code));
    default: return lua_pushliteral(L, "ended");
  }
}

void bl_lfailure_exitcode(lua_State *L, const struct bl_exit *e) {
  if (e->how == BL_HOW_UNKNOWN) lua_pushboolean(L, 0);
  else lua_pushinteger(L, e->how == BL_HOW_EXITED ? e->code : -e->code);
}

void bl_lfailure_whose(lua_State *L, int index) {
  const struct bl_lprocess *p = bl_lprocess_test(L, index);
  lua_pushinteger(L, bl_process_pid(p->process));
  lua_setfield(L, -2, "pid");
  bl_lprocess_spec(L, index, "name");
  lua_setfield(L, -2, "name");
}

void bl_lfailure_complete(lua_State *L, struct bl_lprocess *p) {
  const struct bl_exit *e = bl_process_exit(p->process);
  bl_lfailure_whose(L, 1);
  bl_lfailure_exitcode(L, e);
  lua_setfield(L, -2, "exitcode");
  if (e->how != BL_HOW_SIGNALED) return;
  lua_pushinteger(L, e->code);
  lua_setfield(L, -2, "signal");
}

int bl_lfailure_push(lua_State *L, struct bl_lprocess *p) {
  if (p->command) return 0;
  if (bl_lprocess_spec(L, 1, "error") != LUA_TNIL) return 1;
  if (!from_text(L, p) && !from_step(L, p) && !from_limit(L, p)) return 0;
  bl_lfailure_complete(L, p);
  lua_pushvalue(L, -1);
  bl_lprocess_set_spec(L, 1, "error");
  return 1;
}
