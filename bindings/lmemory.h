/* SPDX-License-Identifier: MIT */
/* billiard.SharedMemory: bytes. */
#ifndef BILLIARD_LMEMORY_H
#define BILLIARD_LMEMORY_H

#include "bindings/compat.h"

/* Adds SharedMemory to the table on top. */
void bl_lmemory_open(lua_State *L);

#endif
