/* SPDX-License-Identifier: MIT */
/* billiard.Value: one cell. */
#ifndef BILLIARD_LVALUE_H
#define BILLIARD_LVALUE_H

#include "bindings/compat.h"

/* Adds Value to the table on top. */
void bl_lvalue_open(lua_State *L);

#endif
