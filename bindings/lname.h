/* SPDX-License-Identifier: MIT */
/* Names of what is the same in every process: loaded modules, and functions
 * that stand in one. An index (object -> module) is kept per Lua state; it is
 * refreshed when asked to, so that looking up what has no name stays cheap.
 *
 * Lua functions that are merely global have no name: globals do not travel. */
#ifndef BILLIARD_LNAME_H
#define BILLIARD_LNAME_H

#include "bindings/compat.h"

/* Pushes the index, made when first asked for. */
void bl_lname_index(lua_State *L);

/* Takes in modules that were loaded since; 1 when there were any. */
int bl_lname_refresh(lua_State *L, int index);

/* Takes in what was added to modules too. */
void bl_lname_rescan(lua_State *L, int index);

/* Looks up the value on top. 0: it has no name. 1: pushes the module that it
 * is. 2: pushes the module and the field of it that it is. */
int bl_lname_find(lua_State *L, int index);

/* Pushes the module of that name; where it is not loaded, requires it if it
 * may, else raises. Raises what require raises. */
void bl_lname_module(lua_State *L, const char *module, int may_load);

#endif
