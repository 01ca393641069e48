/* SPDX-License-Identifier: MIT */
/* Condition. */
#ifndef BILLIARD_LCONDITION_H
#define BILLIARD_LCONDITION_H

#include "bindings/compat.h"

/* Adds it to the table on top. */
void bl_lcondition_open(lua_State *L);

#endif
