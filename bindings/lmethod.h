/* SPDX-License-Identifier: MIT */
/* Start methods by name. */
#ifndef BILLIARD_LMETHOD_H
#define BILLIARD_LMETHOD_H

#include "bindings/compat.h"

/* The method of that name (enum bl_method), -1 for none. */
int bl_lmethod_find(const char *name);

/* Gives the spec on top, of a Process of the class at index, the method that
 * it will be started by: its own, its class's, or the default. */
void bl_lmethod_choose(lua_State *L, int index);

/* Adds start_method([name]), which tells and sets the default, and the names
 * of all to the table on top. */
void bl_lmethod_open(lua_State *L);

#endif
