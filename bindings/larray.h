/* SPDX-License-Identifier: MIT */
/* billiard.Array: many cells, counted from 1. */
#ifndef BILLIARD_LARRAY_H
#define BILLIARD_LARRAY_H

#include "bindings/compat.h"

/* Adds Array to the table on top. */
void bl_larray_open(lua_State *L);

#endif
