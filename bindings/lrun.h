/* SPDX-License-Identifier: MIT */
/* Process.run: what a Lua child does. */
#ifndef BILLIARD_LRUN_H
#define BILLIARD_LRUN_H

#include "bindings/compat.h"

/* Pushes what the Process at index 1 has to call: run with self or, where no
 * subclass has a run of its own, the target with args and kwargs at once. How
 * many values. */
int bl_lrun_push(lua_State *L);

/* Adds run to the Process of the table on top. */
void bl_lrun_open(lua_State *L);

#endif
