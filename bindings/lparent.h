/* SPDX-License-Identifier: MIT */
/* billiard.ParentProcess: the process that started this one. */
#ifndef BILLIARD_LPARENT_H
#define BILLIARD_LPARENT_H

#include "bindings/compat.h"
#include "runtime/self.h"

/* Pushes one for the process pid, whose name is on top and is popped; takes
 * *fd, a pidfd of it or BL_FD_NONE. */
void bl_lparent_new(lua_State *L, pid_t pid, int *fd);

/* Adds parent_process to the table on top. */
void bl_lparent_open(lua_State *L);

#endif
