/* SPDX-License-Identifier: MIT */
/* What a forked child was given of the pipes of which its parent holds both
 * ends: who got one end must not keep the other open, or nobody would ever see
 * that it closed. */
#ifndef BILLIARD_LREACH_H
#define BILLIARD_LREACH_H

#include "bindings/lconnection.h"

/* parent: the ends that the child of the Process at index 1 is to let go of:
 * those that cannot be reached from its target, arguments, fields and class,
 * while the other end can. A list by `left`, null where there are none, valid
 * until the next call. Costs nothing where no pipe has both ends here. */
struct bl_lconnection *bl_lreach_surplus(lua_State *L);

/* child: lets go of them. */
void bl_lreach_drop(lua_State *L, struct bl_lconnection *surplus);

#endif
