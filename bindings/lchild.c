/* SPDX-License-Identifier: MIT */
#include "bindings/lchild.h"

#include <stdio.h>
#include <string.h>

#include "bindings/lbuild.h"
#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "bindings/lexit.h"
#include "bindings/linterrupt.h"
#include "bindings/loutcome.h"
#include "bindings/lparent.h"
#include "bindings/lreach.h"
#include "bindings/lremote.h"
#include "bindings/lreport.h"
#include "bindings/lrun.h"
#include "bindings/lshed.h"
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

void bl_lchild_prepare(lua_State *L, struct bl_lchild *child) {
  bl_lreach_mark(L);
  child->body = body_thread(L); /* self ... body */
  lua_pushvalue(L, 1);
  lua_pushcfunction(L, bl_lreport_describe);
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

/* The Process at index 1, which is `self`. */
static void become_self(lua_State *L, struct bl_lprocess *self,
                        pid_t parent) {
  bl_lstate(L)->parent = parent;
  bl_lstate(L)->current = self;
  self->stage = BL_LSTAGE_SELF;
  self->owner = bl_self_pid();
  lua_pushvalue(L, 1);
  bl_lstate_set(L, BL_LCURRENT);
  reseed(L);
}

static void become_forked(lua_State *L, struct bl_lprocess *self) {
  bl_lstate_get(L, BL_LCURRENT); /* still the parent */
  bl_lstate_set(L, BL_LPARENT);
  become_self(L, self, bl_lstate_adopt(L));
}

/* Message handler before the body: what was raised is about loading it. */
static int describe_load(lua_State *L) {
  bl_lreport_describe(L);
  if (strcmp(bl_lerror_texts(L, -1).code, bl_error_name(BL_EREMOTE)) != 0)
    return 1;
  lua_pushstring(L, bl_error_name(BL_ELOAD));
  lua_setfield(L, -2, "code");
  return 1;
}

/* The error is on top: tells the parent and, unless the error was asked for,
 * everybody who reads stderr. */
static void fail(lua_State *L) {
  struct bl_lerror_texts e = bl_lerror_texts(L, -1);
  bl_loutcome_error(L);
  if (strcmp(e.code, bl_error_name(BL_ETERMINATED)) == 0) return;
  bl_lstate_get(L, BL_LCURRENT);
  bl_lprocess_spec(L, -1, "name");
  fprintf(stderr, "Process %s:\n%s%s%s\n", lua_tostring(L, -1), e.message,
          *e.traceback ? "\n" : "", e.traceback);
  lua_pop(L, 2);
}

/* Stack: ... handler f arguments pairs. */
static int run(lua_State *L, int handler, int pairs) {
  /* from here on interrupts raise: not before, in a call of our own */
  bl_linterrupt_track(L, pairs);
  int n = lua_gettop(L) - handler - 1;
  int status = lua_pcall(L, n, LUA_MULTRET, handler);
  if (status == LUA_OK) bl_loutcome_values(L, handler + 1);
  else fail(L);
  bl_lexit_run(L);
  if (bl_limit_requested()) return -bl_signal_number("TERM");
  return status == LUA_OK ? 0 : FAILED;
}

int bl_lchild_body(void *arg) {
  struct bl_lchild *child = arg;
  lua_State *L = child->body; /* self describe f ... */
  become_forked(L, child->self);
  bl_lreach_part(L);
  bl_lshed_all(L);
  return run(L, 2, child->pairs);
}

void bl_lchild_leave(void *arg, int status) {
  (void)arg;
  (void)status;
  bl_lexit_run_all();
}

/* ---- in a child that is no fork of its owner ---- */

static void set_package(lua_State *L, int prelude, const char *key) {
  lua_getglobal(L, "package");
  if (lua_getfield(L, prelude, key) == LUA_TSTRING) lua_setfield(L, -2, key);
  else lua_pop(L, 1);
  lua_pop(L, 1);
}

/* Pushes the value; raises a billiard.Error. */
static void unpack(lua_State *L, struct bl_lreceived m) {
  int r = bl_lcodec_take(L, &m, BL_PROFILE_DOWN);
  if (r == 1) return;
  if (r > 1)
    bl_lerror_new(L, lua_tostring(L, -1), lua_tostring(L, -2), NULL);
  lua_error(L);
}

void bl_lchild_package(lua_State *L, int index) {
  set_package(L, index, "path");
  set_package(L, index, "cpath");
}

void bl_lchild_half(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "billiard.body");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  lua_insert(L, -2); /* f value */
  lua_call(L, 1, 1);
}

/* What must be known before anything else can be: pushes it. */
static void take_prelude(lua_State *L, const char *bytes, size_t n) {
  unpack(L, (struct bl_lreceived){.bytes = bytes, .size = n});
  int prelude = lua_gettop(L);
  bl_lstate_get(L, BL_LCURRENT);
  lua_getfield(L, prelude, "name"); /* for what goes wrong from here on */
  bl_lprocess_set_spec(L, -2, "name");
  lua_pop(L, 1);
  bl_lchild_package(L, prelude);
  lua_pushvalue(L, prelude);
  bl_lchild_half(L, "prepare");
  lua_pop(L, 1);
}

static void take_parent(lua_State *L, int prelude, struct bl_parcel *parcel) {
  lua_getfield(L, prelude, "parent");
  bl_lparent_new(L, parcel->owner, &parcel->owner_fd);
  bl_lstate_set(L, BL_LPARENT);
}

/* Argument: the parcel. Becomes what it says; returns the function to call
 * and its arguments. */
static int unwrap(lua_State *L) {
  struct bl_parcel *parcel = lua_touserdata(L, 1);
  struct bl_lremote_head head;
  memcpy(&head, parcel->bytes, sizeof head);
  struct bl_lreceived body = {.bytes = parcel->bytes + sizeof head + head.prelude,
                              .size = parcel->size - sizeof head - head.prelude,
                              .fds = parcel->fds,
                              .n = parcel->n};
  bl_lstate_adopt(L);
  take_prelude(L, parcel->bytes + sizeof head, head.prelude);
  take_parent(L, 2, parcel); /* parcel prelude */
  bl_lstate(L)->loading = 1;
  unpack(L, body);
  bl_lstate(L)->loading = 0;
  if (lua_getfield(L, -1, "log") != LUA_TNIL) bl_lchild_half(L, "log");
  lua_pop(L, 1); /* parcel prelude told */
  struct bl_lprocess *self = bl_lbuild_self(L, 3);
  lua_replace(L, 1); /* self ... */
  become_self(L, self, parcel->owner);
  lua_settop(L, 1);
  return bl_lrun_push(L);
}

/* Its lengths are another process's word, though our owner's. */
static int is_whole(const struct bl_parcel *parcel) {
  struct bl_lremote_head head;
  if (parcel->size < sizeof head) return 0;
  memcpy(&head, parcel->bytes, sizeof head);
  return head.prelude <= parcel->size - sizeof head;
}

int bl_lchild_remote(lua_State *L, struct bl_parcel *parcel) {
  lua_settop(L, 0);
  if (!is_whole(parcel) || bl_parcel_accept(parcel) < 0) return FAILED;
  lua_pushcfunction(L, describe_load);
  lua_pushcfunction(L, unwrap);
  lua_pushlightuserdata(L, parcel);
  int status = lua_pcall(L, 1, LUA_MULTRET, 1);
  if (status != LUA_OK) fail(L);
  int go = status == LUA_OK ? bl_parcel_wait(parcel) : BL_ELOAD;
  bl_parcel_drop(parcel);
  /* whoever is to end already learns it from its first instruction */
  if (go < 0 && go != BL_ETERMINATED) return FAILED;
  lua_pushcfunction(L, bl_lreport_describe);
  lua_replace(L, 1);
  return run(L, 1, bl_linterrupt_prepare(L));
}

static int ready(lua_State *L) {
  size_t size = 0;
  const char *text = luaL_optlstring(L, 1, "", &size);
  int r = bl_body_tell(BL_TEXT_READY, text, size);
  if (r < 0) return bl_lerror_return(L, r, "ready");
  lua_pushboolean(L, 1);
  return 1;
}

void bl_lchild_open(lua_State *L) {
  lua_pushcfunction(L, ready);
  lua_setfield(L, -2, "ready");
}
