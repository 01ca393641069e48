/* SPDX-License-Identifier: MIT */
/* The owner's side of a child that is no fork of it: all that the child has to
 * know as data, which billiard.body puts together and the codec packs. */
#ifndef BILLIARD_LREMOTE_H
#define BILLIARD_LREMOTE_H

#include "bindings/lprocess.h"

/* What stands before the two packed values in a body's cargo: its prelude
 * (what must be known to unpack the rest) and the body itself. */
struct bl_lremote_head {
  uint64_t prelude; /* bytes of the first one */
};

/* Fills in what the plan of the Process at index 1 lacks. Raises for what
 * cannot travel. What it pushes must stay until the start is over. Returns 0,
 * or pushes nil, message, code and returns 3 when it cannot be started so. */
int bl_lremote_plan(lua_State *L, struct bl_plan *plan);

/* Frees what the start needed: the collector would not know how much it is. */
void bl_lremote_forget(const struct bl_plan *plan);

/* Adds what billiard.body and billiard.context need to the table on top. */
void bl_lremote_open(lua_State *L);

#endif
