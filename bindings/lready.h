/* SPDX-License-Identifier: MIT */
/* Process.wait_ready: has the child said that it is up? */
#ifndef BILLIARD_LREADY_H
#define BILLIARD_LREADY_H

#include "bindings/compat.h"

/* Adds wait_ready to the Process of the table on top. */
void bl_lready_open(lua_State *L);

#endif
