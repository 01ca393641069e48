/* SPDX-License-Identifier: MIT */
/* billiard.Pipe: both ends of a channel, and what becomes of them when a child
 * is forked: a child that is given one end closes its copy of the other, so
 * that each side sees the end of the other. */
#ifndef BILLIARD_LPIPE_H
#define BILLIARD_LPIPE_H

#include "bindings/lconnection.h"

/* parent: looks which ends a child by fork is given, by the Process at index.
 * Costs nothing while no pipe is whole. */
void bl_lpipe_choose(lua_State *L, int index);

/* child: closes the other ends of those. */
void bl_lpipe_part(lua_State *L);

/* Adds Pipe to the table on top. */
void bl_lpipe_open(lua_State *L);

#endif
