/* SPDX-License-Identifier: MIT */
/* Loading and calling chunks, with a traceback for what they raise and SIGINT
 * for what does not end. */
#ifndef BILLIARD_HOST_SCRIPT_H
#define BILLIARD_HOST_SCRIPT_H

#include <lua.h>

/* Calls the function below n arguments; all results stay. A status as
 * lua_pcall has, with the error (a message with its traceback, for most) in
 * the place of the results. */
int script_call(lua_State *L, int n, int results);

/* Prints the error on top and pops it, unless status is LUA_OK. 1 if it was
 * OK, else 0. */
int script_report(lua_State *L, const char *program, int status);

/* One line to stderr, "program: message". */
void script_message(const char *program, const char *message);

int script_run_string(lua_State *L, const char *text, const char *name);

/* A null path is stdin. */
int script_run_file(lua_State *L, const char *path);

/* "mod" or "global=mod" */
int script_require(lua_State *L, const char *what);

/* argv[at] with what follows as arguments; "-" is stdin. */
int script_run_main(lua_State *L, char **argv, int at, int dashes);

/* billiard.host.main(argv[1], ...): its result is the exit status. */
int script_run_verb(lua_State *L, int argc, char **argv, int *exit_status);

#endif
