/* SPDX-License-Identifier: MIT */
/* lua_close() is seen by a finalizer: the state keeps a sentinel for each
 * at_exit function, made after whatever that function uses and therefore
 * finalized before it. exit(), where plain os.exit() leaves without
 * lua_close(), is seen by one C handler for all states. */
#include "bindings/lexit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bindings/lconnection.h"
#include "bindings/lerror.h"
#include "bindings/lprocess.h"
#include "bindings/lshed.h"
#include "bindings/lstate.h"
#include "bindings/lstream.h"
#include "runtime/clock.h"
#include "runtime/family.h"
#include "runtime/limit.h"
#include "runtime/self.h"

#define SENTINEL "billiard.exit"
#define GRACE_NS (5 * BL_SECOND_NS)

int bl_lexit_traceback(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING)
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1; /* other values are for whoever asks for them */
}

static void run_one(lua_State *L) {
  lua_pushcfunction(L, bl_lexit_traceback);
  lua_insert(L, -2); /* traceback f */
  if (lua_pcall(L, 0, 0, -2) != LUA_OK) {
    fprintf(stderr, "billiard: at_exit: %s\n", luaL_tolstring(L, -1, NULL));
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

/* Functions that these add run as well. */
static void run_at_exit(lua_State *L) {
  bl_lstate_get(L, BL_LAT_EXIT);
  if (lua_istable(L, -1)) {
    for (lua_Unsigned n = lua_rawlen(L, -1); n > 0; n = lua_rawlen(L, -1)) {
      lua_rawgeti(L, -1, (lua_Integer)n);
      lua_pushnil(L);
      lua_rawseti(L, -3, (lua_Integer)n);
      run_one(L);
    }
  }
  lua_pop(L, 1);
}

/* A child that is joined may wait for the end of what we write, or for room
 * for what nobody will read: over its stdio, */
static void close_streams(lua_State *L) {
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  bl_lstate_table(L, BL_LCHILDREN);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    const struct bl_lprocess *p = bl_lprocess_test(L, -1);
    if (!p || !p->joined_at_exit || p->daemon) continue;
    bl_compat_getvalue(L, -1, BL_LUV_STREAMS);
    for (size_t i = 0; lua_istable(L, -1) && i < 3; i++) {
      lua_getfield(L, -1, names[i]);
      bl_lstream_close(L, -1);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* and over a pipe. */
static void close_connections(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  while (s->connections) bl_lconnection_drop(s->connections);
}

static void end_children(lua_State *L) {
  const struct bl_lprocess *first = bl_lstate(L)->children, *p = first;
  size_t n = 0, i = 0;
  if (!first) return;
  close_streams(L);
  close_connections(L);
  do n++;
  while ((p = p->next) != first);
  struct bl_process **list = bl_compat_newuserdata(L, n * sizeof *list, 0);
  do
    if (p->joined_at_exit) list[i++] = p->process;
  while ((p = p->next) != first);
  bl_family_end(list, i, GRACE_NS);
  lua_pop(L, 1);
}

static int protected_run(lua_State *L) {
  run_at_exit(L);
  end_children(L);
  return 0;
}

void bl_lexit_run(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  if (!s || s->ended == BL_LEND_DONE) return;
  s->ended = BL_LEND_BEGUN;
  bl_limit_ending();
  if (!lua_checkstack(L, LUA_MINSTACK)) return;
  lua_pushcfunction(L, protected_run);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1); /* out of memory */
  bl_lshed_all(L);
  s->ended = BL_LEND_DONE;
  fflush(NULL);
}

static int sentinel_gc(lua_State *L) {
  bl_lexit_run(L);
  return 0;
}

/* A live child is anchored, so this is lua_close(): the time to end it. */
static int process_gc(lua_State *L) {
  struct bl_lprocess *p = luaL_checkudata(L, 1, BL_LPROCESS);
  if (p->owner != bl_self_pid()) return 0; /* its parent's, inherited */
  if (p->stage == BL_LSTAGE_STARTED && p->next) bl_lexit_run(L);
  if (p->holder) p->holder->drop(p->holder);
  if (p->stage != BL_LSTAGE_SELF) bl_lprocess_release(L, p);
  return 0;
}

void bl_lexit_run_all(void) {
  struct bl_lstate *s = bl_lstate_of_thread();
  if (!s) return;
  /* an at_exit function may call exit(), which then goes on here */
  atexit(bl_lexit_run_all);
  for (; s; s = bl_lstate_of_thread()) bl_lexit_run(s->L);
}

static void new_sentinel(lua_State *L) {
  bl_compat_newuserdata(L, 0, 0);
  luaL_setmetatable(L, SENTINEL);
}

void bl_lexit_expect(lua_State *L) {
  static atomic_flag registered = ATOMIC_FLAG_INIT; /* once in a process */
  if (!atomic_flag_test_and_set(&registered)) atexit(bl_lexit_run_all);
  bl_lstate_table(L, BL_LSENTINELS);
  if (lua_rawlen(L, -1) == 0) {
    new_sentinel(L);
    lua_rawseti(L, -2, 1);
  }
  lua_pop(L, 1);
}

static int at_exit(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  bl_lexit_expect(L);
  bl_lstate_table(L, BL_LAT_EXIT); /* f list */
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  bl_lstate_table(L, BL_LSENTINELS); /* f list sentinels */
  new_sentinel(L);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  return 0;
}

static int exit_process(lua_State *L) {
  int status = 0;
  if (lua_type(L, 1) == LUA_TSTRING) {
    fprintf(stderr, "%s\n", lua_tostring(L, 1));
    status = EXIT_FAILURE;
  } else if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, lua_type(L, 1) == LUA_TNUMBER && n >= 0 && n <= 255, 1,
                  "exit status must be 0 to 255");
    status = (int)n;
  }
  bl_lexit_run(L);
  exit(status);
}

void bl_lexit_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"at_exit", at_exit}, {"exit", exit_process}, {NULL, NULL}};
  luaL_newmetatable(L, SENTINEL);
  lua_pushcfunction(L, sentinel_gc);
  lua_setfield(L, -2, "__gc");
  luaL_getmetatable(L, BL_LPROCESS);
  lua_pushcfunction(L, process_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 2);
  luaL_setfuncs(L, functions, 0);
}
