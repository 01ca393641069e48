/* SPDX-License-Identifier: MIT */
#include "bindings/host/script.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static lua_State *interrupted_state;

void script_message(const char *program, const char *message) {
  if (program) fprintf(stderr, "%s: ", program);
  fprintf(stderr, "%s\n", message);
  fflush(stderr);
}

int script_report(lua_State *L, const char *program, int status) {
  if (status == LUA_OK) return 1;
  const char *message = lua_tostring(L, -1);
  script_message(program, message ? message : "(error message not a string)");
  lua_pop(L, 1);
  return 0;
}

/* ---- calls ---- */

/* What was raised, as text: its own __tostring, or else with a traceback. */
static int describe(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (!message) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
      return 1;
    message = lua_pushfstring(L, "(error object is a %s value)",
                              luaL_typename(L, 1));
  }
  luaL_traceback(L, L, message, 1);
  return 1;
}

static void stop(lua_State *L, lua_Debug *unused) {
  (void)unused;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

/* The first SIGINT stops the chunk, the next one the process. */
static void on_interrupt(int signo) {
  signal(signo, SIG_DFL);
  lua_sethook(interrupted_state, stop,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void on_signal(void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL); /* blocking calls return */
}

int script_call(lua_State *L, int n, int results) {
  int base = lua_gettop(L) - n;
  lua_pushcfunction(L, describe);
  lua_insert(L, base);
  interrupted_state = L;
  on_signal(on_interrupt);
  int status = lua_pcall(L, n, results, base);
  on_signal(SIG_DFL);
  lua_remove(L, base);
  return status;
}

/* ---- chunks ---- */

static int run_loaded(lua_State *L, int status) {
  return status == LUA_OK ? script_call(L, 0, 0) : status;
}

int script_run_string(lua_State *L, const char *text, const char *name) {
  return run_loaded(L, luaL_loadbuffer(L, text, strlen(text), name));
}

int script_run_file(lua_State *L, const char *path) {
  return run_loaded(L, luaL_loadfile(L, path));
}

int script_require(lua_State *L, const char *what) {
  const char *equals = strchr(what, '=');
  const char *module = equals ? equals + 1 : what;
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  int status = script_call(L, 1, 1);
  if (status != LUA_OK) return status;
  lua_pushlstring(L, what, equals ? (size_t)(equals - what) : strlen(what));
  lua_insert(L, -2); /* name module */
  lua_pushglobaltable(L);
  lua_insert(L, -3); /* globals name module */
  lua_settable(L, -3);
  lua_pop(L, 1);
  return LUA_OK;
}

/* Pushes what stands in `arg` behind the script; how many. */
static int push_arguments(lua_State *L) {
  if (lua_getglobal(L, "arg") != LUA_TTABLE)
    luaL_error(L, "'arg' is not a table");
  int table = lua_gettop(L);
  int n = (int)luaL_len(L, table);
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return n;
}

int script_run_main(lua_State *L, char **argv, int at, int dashes) {
  const char *path = argv[at];
  if (strcmp(path, "-") == 0 && !dashes) path = NULL; /* stdin */
  int status = luaL_loadfile(L, path);
  if (status != LUA_OK) return status;
  return script_call(L, push_arguments(L), LUA_MULTRET);
}

int script_run_verb(lua_State *L, int argc, char **argv, int *exit_status) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "billiard.host");
  int status = script_call(L, 1, 1);
  if (status != LUA_OK) return status;
  lua_getfield(L, -1, "main");
  lua_remove(L, -2);
  luaL_checkstack(L, argc + 2, "too many arguments");
  for (int i = 1; i < argc; i++) lua_pushstring(L, argv[i]);
  status = script_call(L, argc - 1, 1);
  if (status != LUA_OK) return status;
  *exit_status = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return LUA_OK;
}
