/* SPDX-License-Identifier: MIT */
#include "bindings/lrun.h"

#include "bindings/lprocess.h"

/* Pushes the values of list `key` of the spec; how many. */
static int push_list(lua_State *L, const char *key) {
  if (bl_lprocess_spec(L, 1, key) != LUA_TTABLE) {
    lua_pop(L, 1);
    return 0;
  }
  int at = lua_gettop(L);
  lua_Integer n = lua_getfield(L, at, "n") == LUA_TNUMBER
                      ? lua_tointeger(L, -1)
                      : (lua_Integer)lua_rawlen(L, at);
  lua_pop(L, 1);
  luaL_checkstack(L, (int)n + 2, "too many args");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, at, i);
  lua_remove(L, at);
  return (int)n;
}

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* Pushes the target with all it is called with; how many values. */
static int push_target(lua_State *L) {
  if (bl_lprocess_spec(L, 1, "target") == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushcfunction(L, nothing);
  }
  int n = 1 + push_list(L, "args");
  if (bl_lprocess_spec(L, 1, "kwargs") != LUA_TNIL) return n + 1;
  lua_pop(L, 1);
  return n;
}

static int process_run(lua_State *L) {
  bl_lprocess_check(L, 1, "run");
  int n = push_target(L);
  int below = lua_gettop(L) - n;
  lua_call(L, n - 1, LUA_MULTRET);
  return lua_gettop(L) - below;
}

int bl_lrun_push(lua_State *L) {
  lua_getfield(L, 1, "run");
  if (lua_tocfunction(L, -1) == process_run) { /* not overridden */
    lua_pop(L, 1);
    return push_target(L);
  }
  lua_pushvalue(L, 1);
  return 2;
}

void bl_lrun_open(lua_State *L) {
  lua_getfield(L, -1, "Process");
  lua_pushcfunction(L, process_run);
  lua_setfield(L, -2, "run");
  lua_pop(L, 1);
}
