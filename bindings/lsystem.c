/* SPDX-License-Identifier: MIT */
#include "bindings/lsystem.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "runtime/poll.h"
#include "runtime/self.h"

static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)bl_now_ns() / (lua_Number)BL_SECOND_NS);
  return 1;
}

/* ---- sleep: seconds deadline ---- */

#define TIMER "billiard.Timer"

/* What a waiter waits for in sleep(): there is no descriptor, and no event. */
static int timer_nothing(lua_State *L) {
  luaL_checkudata(L, 1, TIMER);
  return 0;
}

static int timer_timeout(lua_State *L) {
  const int64_t *deadline_ns = luaL_checkudata(L, 1, TIMER);
  return bl_lopt_push_left(L, *deadline_ns);
}

void bl_lsystem_timer(lua_State *L, int64_t deadline_ns) {
  int64_t *timer = bl_compat_newuserdata(L, sizeof *timer, 0);
  *timer = deadline_ns;
  luaL_setmetatable(L, TIMER);
}

int bl_lsystem_nap(lua_State *L) {
  bl_lsystem_timer(L, bl_deadline_ns(2 * BL_MILLISECOND_NS));
  return 0;
}

static int sleep_object(lua_State *L) {
  bl_lsystem_timer(L, lua_tointeger(L, 2));
  return 0;
}

static int sleep_look(lua_State *L, int64_t until_ns) {
  (void)L;
  int r = bl_poll(NULL, 0, until_ns);
  return r == 0 ? BL_ETIMEOUT : r;
}

static int sleep_done(lua_State *L, int r) {
  (void)L;
  (void)r;
  return 0;
}

static int sleep_seconds(lua_State *L) {
  static const struct bl_lcall call = {sleep_look, sleep_object, sleep_done};
  luaL_argexpected(L, lua_type(L, 1) == LUA_TNUMBER, 1, "number of seconds");
  int64_t deadline_ns = bl_lopt_deadline(L, 1);
  lua_settop(L, 1);
  lua_pushinteger(L, deadline_ns);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

static void open_timer(lua_State *L) {
  static const luaL_Reg methods[] = {{"pollfd", timer_nothing},
                                     {"events", timer_nothing},
                                     {"timeout", timer_timeout},
                                     {NULL, NULL}};
  luaL_newmetatable(L, TIMER);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/* ---- the system ---- */

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
  open_timer(L);
}
