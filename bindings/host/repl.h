/* SPDX-License-Identifier: MIT */
/* The interactive mode: reads, evaluates and prints until the end of stdin. */
#ifndef BILLIARD_HOST_REPL_H
#define BILLIARD_HOST_REPL_H

#include <lua.h>

void repl_run(lua_State *L);

#endif
