/* SPDX-License-Identifier: MIT */
/* billiard.ParentProcess: the process that started this one. */
#ifndef BILLIARD_LPARENT_H
#define BILLIARD_LPARENT_H

#include <sys/types.h>

#include "bindings/compat.h"

/* child: makes parent_process() the Process on top, which has that pid; pops
 * it. */
void bl_lparent_remember(lua_State *L, pid_t pid);

/* Adds parent_process to the table on top. */
void bl_lparent_open(lua_State *L);

#endif
