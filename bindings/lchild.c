/* SPDX-License-Identifier: MIT */
#include "bindings/lchild.h"

#include <stdio.h>
#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lexit.h"
#include "bindings/linterrupt.h"
#include "bindings/lreach.h"
#include "bindings/lrun.h"
#include "bindings/lstate.h"
#include "runtime/body.h"
#include "runtime/error.h"
#include "runtime/limit.h"
#include "runtime/self.h"
#include "runtime/signame.h"

enum { FAILED = 1 };

/* ---- in the parent ---- */

static int deeper(lua_State *L) {
  lua_Integer depth = lua_tointeger(L, 1);
  if (depth == 0) return 0;
  lua_pushcfunction(L, deeper);
  lua_pushinteger(L, depth - 1);
  lua_call(L, 1, 0);
  return 0;
}

/* The thread that the bodies of this state's children run on: a stack without
 * the parent's frames, and one that is there already, since memory that a
 * child allocates or writes costs it a page fault each. */
static lua_State *body_thread(lua_State *L) {
  enum { FRAMES = 8 }; /* what a body that does little needs */
  bl_lstate_get(L, BL_LBODY);
  lua_State *body = lua_tothread(L, -1);
  if (!body) {
    lua_pop(L, 1);
    body = lua_newthread(L);
    lua_pushvalue(L, -1);
    bl_lstate_set(L, BL_LBODY);
    lua_pushcfunction(body, deeper); /* makes room for frames */
    lua_pushinteger(body, FRAMES);
    if (lua_pcall(body, 1, 0, 0) != LUA_OK) lua_pop(body, 1);
  }
  lua_sethook(body, lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L));
  lua_settop(body, 0);
  return body;
}

static int describe(lua_State *L);

void bl_lchild_prepare(lua_State *L, struct bl_lchild *child) {
  child->surplus = bl_lreach_surplus(L);
  child->body = body_thread(L); /* self ... body */
  lua_pushvalue(L, 1);
  lua_pushcfunction(L, describe);
  int n = 2 + bl_lrun_push(L);  /* self ... body self describe f ... */
  child->pairs = bl_linterrupt_prepare(L);
  n += 2 * child->pairs + 1;
  if (!lua_checkstack(child->body, n + LUA_MINSTACK))
    luaL_error(L, "too many args");
  lua_xmove(L, child->body, n);
}

void bl_lchild_forget(struct bl_lchild *child) {
  if (child->body) lua_settop(child->body, 0);
}

/* ---- in the child ---- */

/* A copied generator would repeat its parent's numbers. */
static void reseed(lua_State *L) {
  int64_t seed[2];
  if (bl_self_seed(seed) < 0) return;
  bl_lstate_get(L, BL_LRANDOMSEED);
  lua_pushinteger(L, (lua_Integer)seed[0]);
  lua_pushinteger(L, (lua_Integer)seed[1]);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
}

static void become_self(lua_State *L, struct bl_lprocess *self) {
  bl_lstate_get(L, BL_LCURRENT); /* still the parent */
  bl_lstate_set(L, BL_LPARENT);
  pid_t parent = bl_lstate_adopt(L);
  bl_lstate(L)->parent = parent;
  bl_lstate(L)->current = self;
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
static void fail(lua_State *L) {
  const char *code = field(L, "code", "RemoteError");
  const char *message = field(L, "message", NULL);
  const char *traceback = field(L, "traceback", "");
  if (!message) message = lua_tostring(L, -1); /* "not enough memory" */
  if (!message) message = "error";
  report(code, message, traceback);
  if (strcmp(code, bl_error_name(BL_ETERMINATED)) == 0) return;
  bl_lstate_get(L, BL_LCURRENT);
  bl_lprocess_spec(L, -1, "name");
  fprintf(stderr, "Process %s:\n%s%s%s\n", lua_tostring(L, -1), message,
          *traceback ? "\n" : "", traceback);
  lua_pop(L, 2);
}

int bl_lchild_body(void *arg) {
  struct bl_lchild *child = arg;
  lua_State *L = child->body;
  become_self(L, child->self);
  bl_lreach_drop(L, child->surplus);
  /* from here on interrupts raise: not before, in a call of our own */
  bl_linterrupt_track(L, child->pairs); /* self describe f ... */
  int status = lua_pcall(L, lua_gettop(L) - 3, 0, 2);
  if (status != LUA_OK) fail(L);
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
