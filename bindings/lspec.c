/* SPDX-License-Identifier: MIT */
#include "bindings/lspec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bindings/lmethod.h"
#include "bindings/lopt.h"
#include "bindings/lstream.h"

#define OWNER "Process"

static const char *const limit_names[BL_LIMITS] = {
    [BL_LIMIT_AS] = "as",         [BL_LIMIT_CPU] = "cpu",
    [BL_LIMIT_NOFILE] = "nofile", [BL_LIMIT_FSIZE] = "fsize",
    [BL_LIMIT_CORE] = "core",     [BL_LIMIT_NPROC] = "nproc"};

/* ---- checks: the value is on top ---- */

static void check_limits(lua_State *L, const char *owner, const char *key) {
  static const struct bl_lopt known[] = {
      {"as", BL_LOPT_INTEGER, 0, LUA_MAXINTEGER, NULL},
      {"cpu", BL_LOPT_INTEGER, 0, LUA_MAXINTEGER, NULL},
      {"nofile", BL_LOPT_INTEGER, 0, LUA_MAXINTEGER, NULL},
      {"fsize", BL_LOPT_INTEGER, 0, LUA_MAXINTEGER, NULL},
      {"core", BL_LOPT_INTEGER, 0, LUA_MAXINTEGER, NULL},
      {"nproc", BL_LOPT_INTEGER, 0, LUA_MAXINTEGER, NULL},
      {NULL, BL_LOPT_ANY, 0, 0, NULL}};
  (void)owner;
  (void)key;
  bl_lopt_check(L, -1, OWNER ": limits", known);
}

/* A list; `n` says where it ends if that is not where # does. */
static void check_args(lua_State *L, const char *owner, const char *key) {
  enum { MOST = 100000 };
  int exact = 1;
  lua_Integer n = 0;
  int type = lua_getfield(L, -1, "n");
  if (type != LUA_TNIL) n = lua_tointegerx(L, -1, &exact);
  if (!exact || (type != LUA_TNIL && type != LUA_TNUMBER) || n < 0 || n > MOST)
    luaL_error(L, "%s: option '%s': its 'n' must be an integer from 0 to %d, "
                  "got %s", owner, key, MOST, luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
}

static void check_group(lua_State *L, const char *owner, const char *key) {
  luaL_error(L, "%s: option '%s' is reserved and must be nil, got %s", owner,
             key, luaL_typename(L, -1));
}

static void check_command(lua_State *L, const char *owner, const char *key) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  if (n < 1) luaL_error(L, "%s: option '%s' must not be empty", owner, key);
  for (lua_Integer i = 1; i <= n; i++) {
    int type = lua_rawgeti(L, -1, i);
    const char *s = type == LUA_TSTRING || type == LUA_TNUMBER
                        ? luaL_tolstring(L, -1, NULL)
                        : NULL;
    if (!s || strlen(s) != lua_rawlen(L, -1)) {
      if (s) lua_pop(L, 1);
      lua_pushfstring(L, "%s[%I]", key, (LUAI_UACINT)i);
      lua_insert(L, -2);
      bl_lopt_bad(L, owner, lua_tostring(L, -2),
                  "a string without null bytes or a number");
    }
    lua_pop(L, 2);
  }
}

static void check_env(lua_State *L, const char *owner, const char *key) {
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (!*name || strlen(name) != lua_rawlen(L, -2) || strchr(name, '='))
      luaL_error(L, "%s: option '%s' must map names without '=' to strings",
                 owner, key);
    int type = lua_type(L, -1);
    if ((type != LUA_TSTRING && type != LUA_TNUMBER) ||
        (type == LUA_TSTRING && strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))) {
      lua_pushfstring(L, "%s.%s", key, name);
      lua_insert(L, -2);
      bl_lopt_bad(L, owner, lua_tostring(L, -2),
                  "a string without null bytes or a number");
    }
  }
}

static int is_word(const char *s, const char *key) {
  return strcmp(s, "inherit") == 0 || strcmp(s, "null") == 0 ||
         strcmp(s, "pipe") == 0 ||
         (strcmp(s, "stdout") == 0 && strcmp(key, "stderr") == 0);
}

static int file_fd(lua_State *L, int index) {
  luaL_Stream *file = luaL_testudata(L, index, LUA_FILEHANDLE);
  return file && file->closef ? fileno(file->f) : -1;
}

static void check_stdio(lua_State *L, const char *owner, const char *key) {
  int type = lua_type(L, -1);
  if (type == LUA_TSTRING && is_word(lua_tostring(L, -1), key)) return;
  if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 0 &&
      lua_tointeger(L, -1) <= INT_MAX)
    return;
  if (file_fd(L, -1) >= 0 || bl_lstream_fd(L, -1) >= 0) return;
  const char *words = strcmp(key, "stderr") == 0
                          ? "\"inherit\", \"null\", \"pipe\", \"stdout\", an "
                            "fd or an open file"
                          : "\"inherit\", \"null\", \"pipe\", an fd or an open "
                            "file";
  bl_lopt_bad(L, owner, key, words);
}

static void check_ready(lua_State *L, const char *owner, const char *key) {
  static const struct bl_lopt known[] = {
      {"fd", BL_LOPT_INTEGER, 3, 1023, NULL},
      {NULL, BL_LOPT_ANY, 0, 0, NULL}};
  if (lua_type(L, -1) == LUA_TSTRING &&
      strcmp(lua_tostring(L, -1), "systemd") == 0)
    return;
  if (!lua_istable(L, -1))
    bl_lopt_bad(L, owner, key, "a table { fd = 3 } or \"systemd\"");
  bl_lopt_check(L, -1, OWNER ": ready", known);
  if (lua_getfield(L, -1, "fd") == LUA_TNIL)
    luaL_error(L, "%s: option 'ready' must name an fd: { fd = 3 }", owner);
  lua_pop(L, 1);
}

static void check_method(lua_State *L, const char *owner, const char *key) {
  if (bl_lmethod_find(lua_tostring(L, -1)) < 0)
    luaL_error(L, "%s: option '%s' must be \"fork\", \"forkserver\" or "
                  "\"spawn\", got \"%s\"", owner, key, lua_tostring(L, -1));
}

static void check_authkey(lua_State *L, const char *owner, const char *key) {
  if (luaL_testudata(L, -1, "billiard.AuthenticationString")) return;
  if (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0) return;
  bl_lopt_bad(L, owner, key, "an AuthenticationString or a string of bytes");
}

static const struct bl_lopt options[] = {
    {"target", BL_LOPT_FUNCTION, 0, 0, NULL},
    {"args", BL_LOPT_TABLE, 0, 0, check_args},
    {"kwargs", BL_LOPT_TABLE, 0, 0, NULL},
    {"name", BL_LOPT_STRING, 0, 0, NULL},
    {"daemon", BL_LOPT_BOOLEAN, 0, 0, NULL},
    {"group", BL_LOPT_ANY, 0, 0, check_group},
    {"fields", BL_LOPT_TABLE, 0, 0, NULL},
    {"authkey", BL_LOPT_ANY, 0, 0, check_authkey},
    {"command", BL_LOPT_TABLE, 0, 0, check_command},
    {"env", BL_LOPT_TABLE, 0, 0, check_env},
    {"cwd", BL_LOPT_STRING, 0, 0, NULL},
    {"stdin", BL_LOPT_ANY, 0, 0, check_stdio},
    {"stdout", BL_LOPT_ANY, 0, 0, check_stdio},
    {"stderr", BL_LOPT_ANY, 0, 0, check_stdio},
    {"limits", BL_LOPT_TABLE, 0, 0, check_limits},
    {"nice", BL_LOPT_INTEGER, -40, 40, NULL},
    {"umask", BL_LOPT_INTEGER, 0, 0777, NULL},
    {"session", BL_LOPT_BOOLEAN, 0, 0, NULL},
    {"pgroup", BL_LOPT_BOOLEAN, 0, 0, NULL},
    {"ready", BL_LOPT_ANY, 0, 0, check_ready},
    {"start_timeout", BL_LOPT_SECONDS, 0, 0, NULL},
    {"start_method", BL_LOPT_STRING, 0, 0, check_method},
    {"allow_threads", BL_LOPT_BOOLEAN, 0, 0, NULL},
    {NULL, BL_LOPT_ANY, 0, 0, NULL}};

/* ---- the spec ---- */

static void copy_table(lua_State *L, int index) {
  enum { ROOM = 8 }; /* a Process adds its name, identity and key */
  index = lua_absindex(L, index);
  lua_createtable(L, 0, ROOM);
  for (lua_pushnil(L); lua_next(L, index);) {
    lua_pushvalue(L, -2); /* copy key value key */
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

static void copy_field(lua_State *L, const char *key) {
  if (lua_getfield(L, -1, key) == LUA_TTABLE) {
    copy_table(L, -1);
    lua_setfield(L, -3, key);
  }
  lua_pop(L, 1);
}

static int has(lua_State *L, int index, const char *key) {
  int there = lua_getfield(L, index, key) != LUA_TNIL;
  lua_pop(L, 1);
  return there;
}

static void check_together(lua_State *L, int index) {
  static const char *const with_target[] = {"target", "args", "kwargs"};
  int command = has(L, index, "command");
  for (size_t i = 0; command && i < sizeof with_target / sizeof *with_target; i++)
    if (has(L, index, with_target[i]))
      luaL_error(L, OWNER ": option '%s' does not go with 'command'",
                 with_target[i]);
  if (!command && has(L, index, "ready"))
    luaL_error(L, OWNER ": option 'ready' goes with 'command'; a Lua target "
                        "calls billiard.ready()");
}

void bl_lspec_new(lua_State *L, int index) {
  index = lua_absindex(L, index);
  bl_lopt_check(L, index, OWNER, options);
  check_together(L, index);
  copy_table(L, index); /* spec */
  copy_field(L, "args");
  copy_field(L, "kwargs");
  copy_field(L, "command");
  copy_field(L, "env");
}

/* ---- the plan ---- */

/* Pushes a userdata with room for n strings and the null behind them. */
static const char **new_strings(lua_State *L, size_t n) {
  const char **strings =
      bl_compat_newuserdata(L, (n + 1) * sizeof *strings, 1);
  memset(strings, 0, (n + 1) * sizeof *strings);
  return strings;
}

const char *const *bl_lspec_argv(lua_State *L) {
  size_t n = lua_rawlen(L, -1); /* command */
  const char **argv = new_strings(L, n);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    if (lua_type(L, -1) == LUA_TNUMBER) { /* keep the text: in the copy */
      lua_tostring(L, -1);
      lua_pushvalue(L, -1);
      lua_rawseti(L, -4, (lua_Integer)i + 1);
    }
    argv[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  return argv; /* command argv */
}

static const char *const *plan_envp(lua_State *L) {
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) n++;
  lua_createtable(L, (int)n, 0);           /* env texts */
  const char **envp = new_strings(L, n);   /* env texts envp */
  size_t i = 0;
  for (lua_pushnil(L); lua_next(L, -4); i++) {
    lua_pushvalue(L, -2);
    lua_pushliteral(L, "=");
    lua_pushvalue(L, -3); /* ... key value key = value */
    lua_concat(L, 3);
    envp[i] = lua_tostring(L, -1);
    lua_rawseti(L, -5, (lua_Integer)i + 1); /* ... key value */
    lua_pop(L, 1);
  }
  return envp;
}

static void plan_one_stdio(lua_State *L, struct bl_stdio *s) {
  static const struct {
    const char *word;
    enum bl_stdio_kind kind;
  } words[] = {{"inherit", BL_STDIO_INHERIT}, {"null", BL_STDIO_NULL},
               {"pipe", BL_STDIO_PIPE},       {"stdout", BL_STDIO_STDOUT}};
  if (lua_type(L, -1) == LUA_TSTRING) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
      if (strcmp(lua_tostring(L, -1), words[i].word) == 0)
        s->kind = words[i].kind;
    return;
  }
  s->kind = BL_STDIO_FD;
  s->fd = lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : file_fd(L, -1);
  if (s->fd < 0) s->fd = bl_lstream_fd(L, -1);
}

static void plan_stdio(lua_State *L, int index, struct bl_plan *plan) {
  static const char *const keys[] = {"stdin", "stdout", "stderr"};
  if (!plan->argv) plan->stdio[0].kind = BL_STDIO_NULL;
  for (int i = 0; i < 3; i++) {
    if (lua_getfield(L, index, keys[i]) != LUA_TNIL)
      plan_one_stdio(L, &plan->stdio[i]);
    lua_pop(L, 1);
  }
}

static void plan_limits(lua_State *L, int index, struct bl_plan *plan) {
  if (lua_getfield(L, index, "limits") == LUA_TTABLE)
    for (int i = 0; i < BL_LIMITS; i++) {
      if (lua_getfield(L, -1, limit_names[i]) != LUA_TNIL) {
        plan->limits[i].set = 1;
        plan->limits[i].value = (uint64_t)lua_tointeger(L, -1);
      }
      lua_pop(L, 1);
    }
  lua_pop(L, 1);
}

static int get_flag(lua_State *L, int index, const char *key) {
  lua_getfield(L, index, key);
  int on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

static lua_Integer get_integer(lua_State *L, int index, const char *key,
                               int *set) {
  *set = lua_getfield(L, index, key) != LUA_TNIL;
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

void bl_lspec_plan(lua_State *L, int index, struct bl_plan *plan) {
  int set;
  index = lua_absindex(L, index);
  if (lua_getfield(L, index, "command") == LUA_TTABLE)
    plan->argv = bl_lspec_argv(L);
  if (lua_getfield(L, index, "env") == LUA_TTABLE)
    plan->envp = plan_envp(L);
  if (lua_getfield(L, index, "cwd") == LUA_TSTRING)
    plan->cwd = lua_tostring(L, -1);
  if (lua_getfield(L, index, "start_method") == LUA_TSTRING && !plan->argv)
    plan->method = (enum bl_method)bl_lmethod_find(lua_tostring(L, -1));
  plan_stdio(L, index, plan);
  plan_limits(L, index, plan);
  plan->nice = (int)get_integer(L, index, "nice", &set);
  plan->umask = (unsigned)get_integer(L, index, "umask", &plan->umask_set);
  plan->session = get_flag(L, index, "session");
  plan->pgroup = get_flag(L, index, "pgroup");
  plan->allow_threads = get_flag(L, index, "allow_threads");
  if (lua_getfield(L, index, "ready") == LUA_TTABLE)
    plan->ready_fd = (int)get_integer(L, -1, "fd", &set);
  plan->ready_notify = lua_type(L, -1) == LUA_TSTRING;
  if (lua_getfield(L, index, "start_timeout") == LUA_TNUMBER)
    plan->start_timeout_ns = bl_lopt_ns(L, -1);
}
