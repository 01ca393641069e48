/* SPDX-License-Identifier: MIT */
/* What a forked child was given of the pipes of which its parent holds both
 * ends: who got one end must not keep the other open, or nobody would ever see
 * that it closed. */
#ifndef BILLIARD_LREACH_H
#define BILLIARD_LREACH_H

#include "bindings/lconnection.h"

/* parent: marks the ends that can be reached from the target, arguments,
 * fields and class of the Process at index 1: through tables, metatables,
 * upvalues and the values of userdata, but not through globals and loaded
 * modules. Costs nothing where no pipe has both ends here. */
void bl_lreach_mark(lua_State *L);

/* child: lets go of each end that is not marked while its other end is. */
void bl_lreach_part(lua_State *L);

#endif
