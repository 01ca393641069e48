/* SPDX-License-Identifier: MIT */
/* A process that a billiard started to be a child, or the zygote of children:
 * from its control socket to its end. */
#ifndef BILLIARD_LWORKER_H
#define BILLIARD_LWORKER_H

#include "bindings/compat.h"

/* Is argv that of such a process? Its control socket's number, or -1. */
int bl_lworker_control(int argc, char **argv);

/* Serves until the end of the process. L is fresh, and has the standard
 * libraries and whatever lets it require "billiard". */
_Noreturn void bl_lworker_run(lua_State *L, int control);

/* Adds child_main(control) to the table on top. */
void bl_lworker_open(lua_State *L);

#endif
