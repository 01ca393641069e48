/* SPDX-License-Identifier: MIT */
/* Barrier. */
#ifndef BILLIARD_LBARRIER_H
#define BILLIARD_LBARRIER_H

#include "bindings/compat.h"

/* Adds it to the table on top. */
void bl_lbarrier_open(lua_State *L);

#endif
