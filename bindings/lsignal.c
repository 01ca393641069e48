/* SPDX-License-Identifier: MIT */
#include "bindings/lsignal.h"

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "runtime/clock.h"
#include "runtime/process.h"
#include "runtime/signame.h"

#define GRACE_NS (5 * BL_SECOND_NS)

static int send(lua_State *L, const char *what, int signo) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, what);
  int r = bl_lprocess_poll(L, p);
  if (r == 0) r = bl_process_signal(p->process, signo);
  if (r < 0) return bl_lerror_return(L, r, what);
  lua_pushboolean(L, 1);
  return 1;
}

static int process_terminate(lua_State *L) {
  return send(L, "terminate", bl_signal_number("TERM"));
}

static int process_kill(lua_State *L) {
  return send(L, "kill", bl_signal_number("KILL"));
}

static int process_interrupt(lua_State *L) {
  return send(L, "interrupt", bl_signal_number("INT"));
}

/* Argument arg: "TERM", "SIGTERM" or 15. */
static int check_signal(lua_State *L, int arg) {
  int signo;
  if (lua_type(L, arg) == LUA_TSTRING) {
    signo = bl_signal_number(lua_tostring(L, arg));
    luaL_argcheck(L, signo > 0, arg, "no such signal: use \"TERM\", "
                                     "\"SIGTERM\" or a number");
    return signo;
  }
  luaL_argexpected(L, lua_isinteger(L, arg), arg, "signal name or number");
  lua_Integer n = lua_tointeger(L, arg);
  luaL_argcheck(L, n >= 1 && n <= 64 && bl_signal_valid((int)n), arg,
                "signal number out of range");
  return (int)n;
}

static int process_send_signal(lua_State *L) {
  return send(L, "send_signal", check_signal(L, 2));
}

/* For ladders: the number of a signal, by name or by number; raises for what
 * is none. */
static int signal_number(lua_State *L) {
  lua_pushinteger(L, check_signal(L, 1));
  return 1;
}

/* For run(): the whole group of a child that leads one. */
static int process_kill_group(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "kill_group");
  int r = bl_process_signal_group(p->process, bl_signal_number("KILL"));
  if (r < 0) return bl_lerror_return(L, r, "kill_group");
  lua_pushboolean(L, 1);
  return 1;
}

/* For supervisors: nothing of its group outlives it. */
static int process_contain(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "contain");
  bl_process_contain(p->process);
  lua_pushboolean(L, 1);
  return 1;
}

static int process_terminate_controlled(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "terminate_controlled");
  int64_t grace_ns = bl_lopt_duration(L, 2, GRACE_NS);
  int r = bl_lprocess_poll(L, p);
  if (r == 0) r = bl_process_terminate_controlled(p->process, grace_ns);
  if (r < 0) return bl_lerror_return(L, r, "terminate_controlled");
  bl_lprocess_expect_due(L, p);
  lua_pushboolean(L, 1);
  return 1;
}

void bl_lsignal_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"terminate", process_terminate},
      {"kill", process_kill},
      {"interrupt", process_interrupt},
      {"send_signal", process_send_signal},
      {"terminate_controlled", process_terminate_controlled},
      {NULL, NULL}};
  static const luaL_Reg functions[] = {{"kill_group", process_kill_group},
                                       {"contain", process_contain},
                                       {"signal_number", signal_number},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_getfield(L, -1, "Process");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
