/* SPDX-License-Identifier: MIT */
#include "bindings/lchild.h"

#include <stdio.h>
#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lexit.h"
#include "bindings/linterrupt.h"
#include "bindings/lparent.h"
#include "bindings/lstate.h"
#include "runtime/body.h"
#include "runtime/error.h"
#include "runtime/limit.h"
#include "runtime/self.h"
#include "runtime/signame.h"

enum { FAILED = 1 };

/* A copied generator would repeat its parent's numbers. */
static void reseed(lua_State *L) {
  int64_t seed[2];
  if (bl_self_seed(seed) < 0) return;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "math");
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)seed[0]);
    lua_pushinteger(L, (lua_Integer)seed[1]);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

static void become_self(lua_State *L, struct bl_lprocess *self) {
  bl_lstate_get(L, BL_LCURRENT); /* still the parent */
  bl_lparent_remember(L, bl_lstate_adopt(L));
  self->stage = BL_LSTAGE_SELF;
  self->owner = bl_self_pid();
  lua_pushvalue(L, 1);
  bl_lstate_set(L, BL_LCURRENT);
  reseed(L);
}

/* Message handler: whatever was raised becomes a billiard.Error. */
static int describe(lua_State *L) {
  bl_lerror_describe(L, 1);          /* value code message */
  luaL_traceback(L, L, NULL, 1);     /* value code message traceback */
  bl_lerror_new(L, lua_tostring(L, -3), lua_tostring(L, -2),
                lua_tostring(L, -1));
  return 1;
}

static const char *field(lua_State *L, const char *key, const char *otherwise) {
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, key);
    const char *s = lua_tostring(L, -1);
    lua_pop(L, 1); /* the table keeps it */
    if (s) return s;
  }
  return otherwise;
}

/* To the parent: code, message and traceback, a null byte behind each of the
 * first two. */
static void report(const char *code, const char *message,
                   const char *traceback) {
  char text[BL_TEXT_MAX];
  size_t room = sizeof text, used = 0;
  const char *const parts[] = {code, message, traceback};
  for (size_t i = 0; i < 3 && used < room; i++) {
    size_t size = strlen(parts[i]) + (i < 2 ? 1 : 0);
    if (size > room - used) size = room - used;
    memcpy(text + used, parts[i], size);
    used += size;
  }
  bl_body_tell(BL_TEXT_ERROR, text, used);
}

/* The error is on top: tells the parent and, unless the error was asked for,
 * everybody who reads stderr. */
static void fail(lua_State *L, lua_State *process) {
  const char *code = field(L, "code", "RemoteError");
  const char *message = field(L, "message", NULL);
  const char *traceback = field(L, "traceback", "");
  if (!message) message = lua_tostring(L, -1); /* "not enough memory" */
  if (!message) message = "error";
  report(code, message, traceback);
  if (strcmp(code, bl_error_name(BL_ETERMINATED)) == 0) return;
  bl_lprocess_spec(process, 1, "name");
  fprintf(stderr, "Process %s:\n%s%s%s\n", lua_tostring(process, -1), message,
          *traceback ? "\n" : "", traceback);
  lua_pop(process, 1);
}

static int call_run(lua_State *L) {
  lua_getfield(L, 1, "run");
  lua_insert(L, 1);
  lua_call(L, 1, 0);
  return 0;
}

int bl_lchild_body(void *arg) {
  struct bl_lchild *child = arg;
  lua_State *L = child->L;
  become_self(L, child->self);
  lua_State *co = lua_newthread(L); /* a stack without the parent's frames */
  lua_pushcfunction(co, describe);
  lua_pushcfunction(co, call_run);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1); /* co: describe call_run self */
  bl_linterrupt_track(co);
  int status = lua_pcall(co, 1, 0, 1);
  if (status != LUA_OK) fail(co, L);
  bl_lexit_run(L);
  if (bl_limit_requested()) return -bl_signal_number("TERM");
  return status == LUA_OK ? 0 : FAILED;
}

void bl_lchild_leave(void *arg, int status) {
  (void)arg;
  (void)status;
  bl_lexit_run_all();
}

static int ready(lua_State *L) {
  size_t size = 0;
  const char *text = luaL_optlstring(L, 1, "", &size);
  bl_body_tell(BL_TEXT_READY, text, size);
  return 0;
}

void bl_lchild_open(lua_State *L) {
  lua_pushcfunction(L, ready);
  lua_setfield(L, -2, "ready");
}
