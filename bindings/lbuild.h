/* SPDX-License-Identifier: MIT */
/* A Process before its start: from the options, and the one that stands for
 * the main process. */
#ifndef BILLIARD_LBUILD_H
#define BILLIARD_LBUILD_H

#include "bindings/lprocess.h"

/* The Process of the table on top is from now on called with options. */
void bl_lbuild_open(lua_State *L);

/* Makes the main process `current`; once, after the class is there. */
void bl_lbuild_main(lua_State *L);

/* Pushes the Process that a child is to be which was not forked from its
 * owner. The table at index, which billiard.body put together, becomes its
 * spec. */
struct bl_lprocess *bl_lbuild_self(lua_State *L, int index);

#endif
