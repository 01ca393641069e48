/* SPDX-License-Identifier: MIT */
/* Process.start and, on the other side of it, Process.run. */
#ifndef BILLIARD_LSTART_H
#define BILLIARD_LSTART_H

#include "bindings/compat.h"

/* Adds them to the Process of the table on top. */
void bl_lstart_open(lua_State *L);

#endif
