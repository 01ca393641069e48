/* SPDX-License-Identifier: MIT */
/* A Process before its start: from the options, and the one that stands for
 * the main process. */
#ifndef BILLIARD_LBUILD_H
#define BILLIARD_LBUILD_H

#include "bindings/compat.h"

/* The Process of the table on top is from now on called with options. */
void bl_lbuild_open(lua_State *L);

/* Makes the main process `current`; once, after the class is there. */
void bl_lbuild_main(lua_State *L);

#endif
