/* SPDX-License-Identifier: MIT */
/* BoundedSemaphore. */
#ifndef BILLIARD_LPERMITS_H
#define BILLIARD_LPERMITS_H

#include "bindings/compat.h"

/* Adds it to the table on top. */
void bl_lpermits_open(lua_State *L);

#endif
