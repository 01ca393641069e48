/* SPDX-License-Identifier: MIT */
/* billiard.ParentProcess: the process that started this one. */
#ifndef BILLIARD_LPARENT_H
#define BILLIARD_LPARENT_H

#include "bindings/compat.h"

/* Adds parent_process to the table on top. */
void bl_lparent_open(lua_State *L);

#endif
