/* SPDX-License-Identifier: MIT */
/* billiard.ParentProcess: the process that started this one. */
#ifndef BILLIARD_LPARENT_H
#define BILLIARD_LPARENT_H

#include "bindings/compat.h"

/* child: makes parent_process() the process that is `current` now. */
void bl_lparent_remember(lua_State *L);

/* Adds parent_process to the table on top. */
void bl_lparent_open(lua_State *L);

#endif
