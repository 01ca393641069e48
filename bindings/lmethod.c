/* SPDX-License-Identifier: MIT */
#include "bindings/lmethod.h"

#include <string.h>

#include "bindings/lstate.h"
#include "runtime/zygote.h"

static const char *const names[] = {[BL_METHOD_FORK] = "fork",
                                    [BL_METHOD_SPAWN] = "spawn",
                                    [BL_METHOD_FORKSERVER] = "forkserver",
                                    NULL};

int bl_lmethod_find(const char *name) {
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}

void bl_lmethod_choose(lua_State *L, int index) {
  if (lua_getfield(L, -1, "start_method") == LUA_TNIL) {
    lua_pop(L, 1);
    if (lua_getfield(L, index, "__method") == LUA_TNIL) { /* context.lua */
      lua_pop(L, 1);
      lua_pushstring(L, names[bl_lstate(L)->method]);
    }
  }
  lua_setfield(L, -2, "start_method");
}

/* start_method([name]) -> the default before */
static int start_method(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  const char *before = names[s->method];
  if (!lua_isnoneornil(L, 1))
    s->method = (enum bl_method)luaL_checkoption(L, 1, NULL, names);
  lua_pushstring(L, before);
  return 1;
}

/* For tests: the fork server's pid, or nil. */
static int zygote(lua_State *L) {
  pid_t pid = bl_zygote_pid();
  if (pid == 0) return 0;
  lua_pushinteger(L, pid);
  return 1;
}

void bl_lmethod_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"start_method", start_method},
                                       {"zygote", zygote},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
