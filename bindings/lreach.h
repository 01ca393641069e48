/* SPDX-License-Identifier: MIT */
/* Which Connections a forked child keeps: those that it was given, and those
 * that it can use besides. Any other copy would only keep others from seeing
 * that the end was closed. */
#ifndef BILLIARD_LREACH_H
#define BILLIARD_LREACH_H

#include "bindings/lconnection.h"

/* parent: marks the ends that can be reached from the target, arguments,
 * fields and class of the Process at index 1, through tables, metatables,
 * upvalues and the values of userdata; and those that globals and loaded
 * modules hold. Costs nothing while no Connection is open. */
void bl_lreach_mark(lua_State *L);

/* child: lets go of each end that is not marked, or that is merely held while
 * the other end of its pipe was given. */
void bl_lreach_part(lua_State *L);

#endif
