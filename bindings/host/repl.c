/* SPDX-License-Identifier: MIT */
#include "bindings/host/repl.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/host/script.h"

/* Line editing comes from the system's library where there is one: a host
 * that is one file to copy cannot depend on it. */
static struct {
  char *(*read)(const char *prompt);
  void (*remember)(const char *line);
} editor;

static void *symbol(void *library, const char *name) {
  return library ? dlsym(library, name) : NULL;
}

static void load_editor(void) {
  static const char *const names[] = {"libreadline.so.8", "libreadline.so.7",
                                      "libedit.so.2"};
  void *library = NULL;
  for (size_t i = 0; !library && i < sizeof names / sizeof names[0]; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  const char **name = symbol(library, "rl_readline_name");
  if (name) *name = "lua"; /* what $if asks for in an inputrc */
  *(void **)&editor.read = symbol(library, "readline");
  *(void **)&editor.remember = symbol(library, "add_history");
}

/* ---- lines ---- */

static int read_plain(lua_State *L, const char *prompt) {
  luaL_Buffer b;
  int c;
  fputs(prompt, stdout);
  fflush(stdout);
  luaL_buffinit(L, &b);
  while ((c = getchar()) != EOF && c != '\n') luaL_addchar(&b, (char)c);
  luaL_pushresult(&b);
  return c != EOF || lua_rawlen(L, -1) > 0;
}

static int read_edited(lua_State *L, const char *prompt) {
  char *line = editor.read(prompt);
  if (!line) return 0;
  lua_pushstring(L, line);
  free(line);
  return 1;
}

static const char *get_prompt(lua_State *L, int first) {
  if (lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2") == LUA_TNIL)
    return first ? "> " : ">> ";
  const char *prompt = luaL_tolstring(L, -1, NULL);
  lua_remove(L, -2); /* the text keeps the pointer valid */
  return prompt;
}

/* Pushes a line; 0 at the end of the input, with nothing pushed. */
static int read_line(lua_State *L, int first) {
  int top = lua_gettop(L);
  const char *prompt = get_prompt(L, first);
  int got = editor.read ? read_edited(L, prompt) : read_plain(L, prompt);
  if (!got) {
    lua_settop(L, top);
    return 0;
  }
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
  return 1;
}

/* ---- statements ---- */

static int load(lua_State *L, const char *text, size_t size) {
  return luaL_loadbuffer(L, text, size, "=stdin");
}

/* The line at index 1 as an expression: 1 with its function pushed. */
static int load_expression(lua_State *L) {
  const char *expression =
      lua_pushfstring(L, "return %s", lua_tostring(L, 1));
  int ok = load(L, expression, strlen(expression)) == LUA_OK;
  if (ok) lua_remove(L, -2);
  else lua_pop(L, 2);
  return ok;
}

/* Did the parser want more? Its message then ends so. */
static int is_incomplete(lua_State *L, int status) {
  static const char mark[] = "<eof>";
  size_t size, n = sizeof mark - 1;
  if (status != LUA_ERRSYNTAX) return 0;
  const char *message = lua_tolstring(L, -1, &size);
  return size >= n && strcmp(message + size - n, mark) == 0;
}

/* The lines at index 1 as a statement, with more lines while it wants them. */
static int load_statement(lua_State *L) {
  for (;;) {
    size_t size;
    const char *text = lua_tolstring(L, 1, &size);
    int status = load(L, text, size);
    if (!is_incomplete(L, status) || !read_line(L, 0)) return status;
    lua_remove(L, -2); /* the message; lines line */
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3); /* lines */
  }
}

/* Reads one statement and pushes its function, or the error; -1 at the end of
 * the input. */
static int load_next(lua_State *L) {
  lua_settop(L, 0);
  if (!read_line(L, 1)) return -1;
  const char *line = lua_tostring(L, 1);
  if (line[0] == '=') { /* as older versions had it */
    lua_pushfstring(L, "return %s", line + 1);
    lua_replace(L, 1);
  }
  int status = load_expression(L) ? LUA_OK : load_statement(L);
  line = lua_tostring(L, 1);
  if (line[0] != '\0' && editor.remember) editor.remember(line);
  lua_remove(L, 1);
  return status;
}

static void print_results(lua_State *L) {
  int n = lua_gettop(L);
  if (n == 0) return;
  luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
  lua_getglobal(L, "print");
  lua_insert(L, 1);
  if (lua_pcall(L, n, 0, 0) == LUA_OK) return;
  const char *message = lua_pushfstring(L, "error calling 'print' (%s)",
                                        lua_tostring(L, -1));
  script_message(NULL, message);
}

void repl_run(lua_State *L) {
  int status;
  load_editor();
  while ((status = load_next(L)) != -1) {
    if (status == LUA_OK) status = script_call(L, 0, LUA_MULTRET);
    if (status == LUA_OK) print_results(L);
    else script_report(L, NULL, status);
  }
  lua_settop(L, 0);
  putchar('\n');
  fflush(stdout);
}
