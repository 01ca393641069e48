/* SPDX-License-Identifier: MIT */
#include "bindings/lsystem.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/linterrupt.h"
#include "bindings/lopt.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "runtime/poll.h"
#include "runtime/self.h"

static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)bl_now_ns() / (lua_Number)BL_SECOND_NS);
  return 1;
}

static int sleep_seconds(lua_State *L) {
  luaL_argexpected(L, lua_type(L, 1) == LUA_TNUMBER, 1, "number of seconds");
  int64_t deadline_ns = bl_lopt_deadline(L, 1);
  int r;
  struct bl_lblock b = bl_lblock_begin(L);
  do r = bl_poll(NULL, 0, deadline_ns);
  while (bl_lblock_again(L, &b, r));
  return 0;
}

static int count(lua_State *L, int n, const char *what) {
  if (n < 0) return bl_lerror_return(L, n, what);
  lua_pushinteger(L, n);
  return 1;
}

static int cpu_count(lua_State *L) {
  return count(L, bl_cpu_count(), "cpu_count");
}

static int usable_cpu_count(lua_State *L) {
  return count(L, bl_cpu_usable(), "usable_cpu_count");
}

static int environment(lua_State *L) {
  lua_newtable(L);
  for (char *const *e = bl_self_environ(); e && *e; e++) {
    const char *value = strchr(*e, '=');
    if (!value) continue;
    lua_pushlstring(L, *e, (size_t)(value - *e));
    lua_pushstring(L, value + 1);
    lua_rawset(L, -3);
  }
  return 1;
}

void bl_lsystem_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"now", now},
                                       {"sleep", sleep_seconds},
                                       {"cpu_count", cpu_count},
                                       {"usable_cpu_count", usable_cpu_count},
                                       {"environment", environment},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
