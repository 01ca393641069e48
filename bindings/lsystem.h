/* SPDX-License-Identifier: MIT */
/* Small things about the machine: now sleep cpu_count usable_cpu_count
 * environment. */
#ifndef BILLIARD_LSYSTEM_H
#define BILLIARD_LSYSTEM_H

#include "bindings/compat.h"

/* Adds them to the table on top. */
void bl_lsystem_open(lua_State *L);

#endif
