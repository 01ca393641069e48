/* SPDX-License-Identifier: MIT */
/* The methods of Process that send signals. */
#ifndef BILLIARD_LSIGNAL_H
#define BILLIARD_LSIGNAL_H

#include "bindings/compat.h"

/* Adds them to the Process of the table on top, kill_group and contain to that. */
void bl_lsignal_open(lua_State *L);

#endif
