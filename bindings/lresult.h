/* SPDX-License-Identifier: MIT */
/* Process:result: what the target returned, or why there is nothing. */
#ifndef BILLIARD_LRESULT_H
#define BILLIARD_LRESULT_H

#include "bindings/compat.h"

/* Adds result to the Process of the table on top. */
void bl_lresult_open(lua_State *L);

#endif
