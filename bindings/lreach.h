/* SPDX-License-Identifier: MIT */
/* What can be reached from a value: through tables, upvalues, metatables and
 * the values of userdata; but not through globals and loaded modules, which
 * every process has of its own. */
#ifndef BILLIARD_LREACH_H
#define BILLIARD_LREACH_H

#include "bindings/compat.h"

/* Pops the values from index `first` to the top, and calls found with each
 * userdata on top that can be reached from them. 1, or 0 where a coroutine was met:
 * what it holds nobody can tell. */
int bl_lreach(lua_State *L, int first, void (*found)(lua_State *L));

#endif
