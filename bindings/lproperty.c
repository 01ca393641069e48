/* SPDX-License-Identifier: MIT */
#include "bindings/lproperty.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lfailure.h"
#include "bindings/lprocess.h"
#include "bindings/lsecret.h"
#include "runtime/clock.h"
#include "runtime/self.h"
#include "runtime/signame.h"

/* ---- getters: the Process is at index 1, already checked ---- */

static int from_spec(lua_State *L, const char *key) {
  bl_lprocess_spec(L, 1, key);
  return 1;
}

static int get_name(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  return from_spec(L, "name");
}

static int get_authkey(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  return from_spec(L, "authkey");
}

static int get_daemon(lua_State *L, struct bl_lprocess *p) {
  lua_pushboolean(L, p->daemon);
  return 1;
}

static int get_pid(lua_State *L, struct bl_lprocess *p) {
  if (p->stage == BL_LSTAGE_SELF) lua_pushinteger(L, bl_self_pid());
  else if (p->process) lua_pushinteger(L, bl_process_pid(p->process));
  else lua_pushnil(L);
  return 1;
}

/* The exit record of a child that has ended, null before and for others. */
static const struct bl_exit *exit_of(lua_State *L, struct bl_lprocess *p) {
  if (p->stage != BL_LSTAGE_STARTED) return NULL;
  return bl_lprocess_poll(L, p) > 0 ? bl_process_exit(p->process) : NULL;
}

static int get_exitcode(lua_State *L, struct bl_lprocess *p) {
  const struct bl_exit *e = exit_of(L, p);
  if (!e) return 0;
  bl_lfailure_exitcode(L, e);
  return 1;
}

static int get_sentinel(lua_State *L, struct bl_lprocess *p) {
  if (p->stage != BL_LSTAGE_STARTED)
    return luaL_error(L, "sentinel: Process is not a started child");
  int fd = bl_process_sentinel(p->process);
  if (fd < 0) return bl_lerror_return(L, fd, "sentinel");
  lua_pushinteger(L, fd);
  return 1;
}

static int get_controlled(lua_State *L, struct bl_lprocess *p) {
  lua_pushboolean(L, p->process && bl_process_controlled(p->process));
  return 1;
}

static int get_start_method(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  return from_spec(L, "start_method");
}

static void set_seconds(lua_State *L, const char *key, int64_t ns) {
  lua_pushnumber(L, (lua_Number)ns / (lua_Number)BL_SECOND_NS);
  lua_setfield(L, -2, key);
}

static int get_rusage(lua_State *L, struct bl_lprocess *p) {
  const struct bl_exit *e = exit_of(L, p);
  if (!e || e->how == BL_HOW_UNKNOWN) return 0;
  lua_createtable(L, 0, 3);
  set_seconds(L, "utime", e->utime_ns);
  set_seconds(L, "stime", e->stime_ns);
  lua_pushinteger(L, e->maxrss_kib);
  lua_setfield(L, -2, "maxrss");
  return 1;
}

static int push_time(lua_State *L, int64_t ns) {
  if (ns == 0) return 0;
  lua_pushnumber(L, (lua_Number)ns / (lua_Number)BL_SECOND_NS);
  return 1;
}

static int get_started_at(lua_State *L, struct bl_lprocess *p) {
  return push_time(L, p->process ? bl_process_started_ns(p->process) : 0);
}

static int get_ended_at(lua_State *L, struct bl_lprocess *p) {
  return push_time(L, exit_of(L, p) ? bl_process_ended_ns(p->process) : 0);
}

static int get_stream(lua_State *L, const char *key) {
  bl_compat_getvalue(L, 1, BL_LUV_STREAMS);
  if (lua_istable(L, -1)) lua_getfield(L, -1, key);
  return lua_istable(L, -1) ? 0 : 1;
}

static int get_stdin(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  return get_stream(L, "stdin");
}

static int get_stdout(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  return get_stream(L, "stdout");
}

static int get_stderr(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  return get_stream(L, "stderr");
}

static int get_error(lua_State *L, struct bl_lprocess *p) {
  return exit_of(L, p) ? bl_lfailure_push(L, p) : 0;
}

/* ---- setters: the value is at index 3 ---- */

static int set_spec(lua_State *L, const char *key) {
  bl_lprocess_set_spec(L, 1, key);
  return 0;
}

static int set_name(lua_State *L, struct bl_lprocess *p) {
  (void)p;
  if (lua_type(L, 3) != LUA_TSTRING)
    return luaL_error(L, "name must be a string, got %s", luaL_typename(L, 3));
  lua_settop(L, 3);
  return set_spec(L, "name");
}

static int set_daemon(lua_State *L, struct bl_lprocess *p) {
  if (!lua_isboolean(L, 3))
    return luaL_error(L, "daemon must be a boolean, got %s",
                      luaL_typename(L, 3));
  if (p->stage != BL_LSTAGE_INITIAL)
    return luaL_error(L, "daemon can be set before start() only");
  p->daemon = lua_toboolean(L, 3);
  return 0;
}

static int set_authkey(lua_State *L, struct bl_lprocess *p) {
  if (p->stage == BL_LSTAGE_STARTED)
    return luaL_error(L, "authkey can be set before start() only");
  lua_settop(L, 3);
  bl_lsecret_coerce(L);
  return set_spec(L, "authkey");
}

static const struct property {
  const char *name;
  int (*get)(lua_State *L, struct bl_lprocess *p);
  int (*set)(lua_State *L, struct bl_lprocess *p); /* null: read-only */
} properties[] = {{"name", get_name, set_name},
                  {"daemon", get_daemon, set_daemon},
                  {"authkey", get_authkey, set_authkey},
                  {"pid", get_pid, NULL},
                  {"ident", get_pid, NULL},
                  {"exitcode", get_exitcode, NULL},
                  {"sentinel", get_sentinel, NULL},
                  {"controlled", get_controlled, NULL},
                  {"start_method", get_start_method, NULL},
                  {"error", get_error, NULL},
                  {"rusage", get_rusage, NULL},
                  {"started_at", get_started_at, NULL},
                  {"ended_at", get_ended_at, NULL},
                  {"stdin", get_stdin, NULL},
                  {"stdout", get_stdout, NULL},
                  {"stderr", get_stderr, NULL},
                  {NULL, NULL, NULL}};

static const struct property *find(lua_State *L, int key) {
  if (lua_type(L, key) != LUA_TSTRING) return NULL;
  const char *name = lua_tostring(L, key);
  const struct property *p = properties;
  while (p->name && strcmp(p->name, name) != 0) p++;
  return p->name ? p : NULL;
}

/* ---- the metamethods ---- */

static int process_index(lua_State *L) {
  const struct property *property = find(L, 2);
  if (property) {
    struct bl_lprocess *p = bl_lprocess_check(L, 1, property->name);
    int n = property->get(L, p);
    if (n == 0) lua_pushnil(L);
    return n == 0 ? 1 : n;
  }
  bl_compat_getvalue(L, 1, BL_LUV_CLASS);
  lua_pushvalue(L, 2);
  if (lua_gettable(L, -2) != LUA_TNIL) return 1;
  bl_lprocess_check(L, 1, "field");
  bl_compat_getvalue(L, 1, BL_LUV_FIELDS);
  if (lua_isnil(L, -1)) return 1;
  lua_pushvalue(L, 2);
  lua_gettable(L, -2);
  return 1;
}

void bl_lproperty_set_field(lua_State *L, int ud, int key) {
  key = lua_absindex(L, key);
  if (find(L, key))
    luaL_error(L, "'%s' is a property of Process, not a field",
               lua_tostring(L, key));
  bl_compat_getvalue(L, ud, BL_LUV_CLASS);
  lua_pushvalue(L, key);
  if (lua_gettable(L, -2) != LUA_TNIL)
    luaL_error(L, "'%s' is a method of this class, not a field",
               luaL_tolstring(L, key, NULL));
  lua_pop(L, 2);
  bl_compat_getvalue(L, ud, BL_LUV_FIELDS);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    bl_compat_setvalue(L, ud, BL_LUV_FIELDS);
  }
  lua_insert(L, -3);
  lua_settable(L, -3);
  lua_pop(L, 1);
}

static int process_newindex(lua_State *L) {
  const struct property *property = find(L, 2);
  if (!property) {
    bl_lprocess_check(L, 1, "assignment");
    bl_lproperty_set_field(L, 1, 2);
    return 0;
  }
  struct bl_lprocess *p = bl_lprocess_check(L, 1, property->name);
  if (!property->set)
    return luaL_error(L, "%s is read-only", property->name);
  return property->set(L, p);
}

static void push_status(lua_State *L, struct bl_lprocess *p) {
  const struct bl_exit *e = exit_of(L, p);
  if (p->stage == BL_LSTAGE_CLOSED) lua_pushliteral(L, "closed");
  else if (p->stage == BL_LSTAGE_INITIAL) lua_pushliteral(L, "initial");
  else if (!e) lua_pushliteral(L, "started");
  else if (e->how == BL_HOW_UNKNOWN) lua_pushliteral(L, "unknown");
  else if (e->how == BL_HOW_SIGNALED)
    lua_pushfstring(L, "stopped[%s]", bl_signal_name(e->code));
  else if (e->code == 0) lua_pushliteral(L, "stopped");
  else lua_pushfstring(L, "stopped[%d]", e->code);
}

static int process_tostring(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_test(L, 1);
  luaL_argexpected(L, p, 1, "billiard.Process");
  bl_compat_getvalue(L, 1, BL_LUV_CLASS);
  lua_getfield(L, -1, "__name");
  bl_lprocess_spec(L, 1, "name");
  if (bl_lprocess_mine(L, p)) push_status(L, p);
  else lua_pushliteral(L, "unknown"); /* only its parent could tell */
  lua_pushfstring(L, "<%s(%s, %s%s)>", lua_tostring(L, -3),
                  lua_tostring(L, -2), lua_tostring(L, -1),
                  p->daemon ? " daemon" : "");
  return 1;
}

void bl_lproperty_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__index", process_index},
                                         {"__newindex", process_newindex},
                                         {"__tostring", process_tostring},
                                         {NULL, NULL}};
  luaL_getmetatable(L, BL_LPROCESS);
  luaL_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
}
