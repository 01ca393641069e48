/* SPDX-License-Identifier: MIT */
/* billiard: the Lua interpreter with the library inside. Does what `lua` does,
 * option for option, and as process 1 what an init must do. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bindings/core.h"
#include "bindings/host/init.h"
#include "bindings/host/options.h"
#include "bindings/host/preload.h"
#include "bindings/host/repl.h"
#include "bindings/host/script.h"
#include "bindings/lworker.h"

static void print_version(void) {
  puts(LUA_COPYRIGHT);
  puts("billiard " BL_VERSION);
  fflush(stdout);
}

/* arg[0] is the script, or the interpreter where there is none; what stands
 * before it has negative indices. */
static void set_arg(lua_State *L, const struct options *o) {
  int script = o->script == o->argc ? 0 : o->script;
  lua_createtable(L, o->argc, script + 1);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* LUA_INIT: a string to run, or @file. */
static int run_environment(lua_State *L) {
  static const char *const names[] = {"LUA_INIT_5_4", "LUA_INIT"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *init = getenv(names[i]);
    if (!init) continue;
    if (init[0] == '@') return script_run_file(L, init + 1);
    lua_pushfstring(L, "=%s", names[i]);
    int status = script_run_string(L, init, lua_tostring(L, -1));
    lua_remove(L, status == LUA_OK ? -1 : -2);
    return status;
  }
  return LUA_OK;
}

static int run_action(lua_State *L, const struct action *a) {
  switch (a->kind) {
    case RUN_STRING: return script_run_string(L, a->text, "=(command line)");
    case REQUIRE: return script_require(L, a->text);
    case WARN: lua_warning(L, "@on", 0); break;
  }
  return LUA_OK;
}

static int run_actions(lua_State *L, const struct options *o) {
  for (int i = 0; i < o->n; i++)
    if (!script_report(L, o->program, run_action(L, &o->actions[i]))) return 0;
  return 1;
}

static int runs_strings(const struct options *o) {
  for (int i = 0; i < o->n; i++)
    if (o->actions[i].kind == RUN_STRING) return 1;
  return 0;
}

/* From here on messages, even one that ends us, are the session's and carry
 * no program's name. */
static void talk(lua_State *L, struct options *o) {
  o->program = NULL;
  repl_run(L);
}

/* What the command line leaves to do when nothing was said: talk to whoever
 * sits there, or run what comes from a pipe. Its failure is reported and is
 * no failure of ours: lua exits with 0 then, and with 1 for "lua -" only. */
static void run_default(lua_State *L, struct options *o) {
  if (!isatty(STDIN_FILENO)) {
    script_report(L, o->program, script_run_file(L, NULL));
    return;
  }
  print_version();
  talk(L, o);
}

static int run_script(lua_State *L, const struct options *o) {
  int dashes = o->script > 0 && strcmp(o->argv[o->script - 1], "--") == 0;
  return script_report(L, o->program,
                       script_run_main(L, o->argv, o->script, dashes));
}

/* 1 when all of it went well. */
static int run(lua_State *L, struct options *o) {
  if (o->version) print_version();
  if (!o->ignore_environment &&
      !script_report(L, o->program, run_environment(L)))
    return 0;
  if (!run_actions(L, o)) return 0;
  if (o->script < o->argc && !run_script(L, o)) return 0;
  if (o->interactive) talk(L, o);
  else if (o->script == o->argc && !o->version && !runs_strings(o))
    run_default(L, o);
  return 1;
}

/* The exit status of a topology's run, or of a script's. */
static int run_all(lua_State *L, struct options *o) {
  int status = EXIT_FAILURE;
  if (!o->verb) return run(L, o) ? EXIT_SUCCESS : EXIT_FAILURE;
  if (!script_report(L, o->program, run_environment(L))) return EXIT_FAILURE;
  script_report(L, o->program,
                script_run_verb(L, o->argc, o->argv, &status));
  return status;
}

/* A child of some other process's; never returns. */
static void work(lua_State *L, int control) {
  luaL_openlibs(L);
  preload_add(L);
  lua_gc(L, LUA_GCGEN, 0, 0);
  luaL_requiref(L, "billiard.core", luaopen_billiard_core, 0);
  lua_settop(L, 0);
  bl_lworker_run(L, control);
}

static int protected_main(lua_State *L) {
  struct options *o = lua_touserdata(L, 1);
  luaL_checkversion(L);
  if (o->control >= 0) work(L, o->control);
  if (o->problem) {
    options_usage(o);
    lua_pushinteger(L, EXIT_FAILURE);
    return 1;
  }
  if (o->ignore_environment) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  preload_add(L);
  set_arg(L, o);
  lua_gc(L, LUA_GCGEN, 0, 0); /* as lua does */
  lua_pushinteger(L, run_all(L, o));
  return 1;
}

int main(int argc, char **argv) {
  struct options o;
  init_split();
  lua_State *L = luaL_newstate();
  if (!L || options_read(&o, argc, argv) < 0) {
    script_message("billiard", "cannot create state: not enough memory");
    return EXIT_FAILURE;
  }
  lua_pushcfunction(L, protected_main);
  lua_pushlightuserdata(L, &o);
  int status = lua_pcall(L, 1, 1, 0);
  int result = status == LUA_OK ? (int)lua_tointeger(L, -1) : EXIT_FAILURE;
  script_report(L, o.program, status);
  lua_close(L);
  options_free(&o);
  return result;
}
