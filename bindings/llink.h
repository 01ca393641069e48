/* SPDX-License-Identifier: MIT */
/* The ends of a link between a pool and one of its workers (runtime/link.h).
 * The owner's stays with the process that made it. The worker's travels to the
 * worker, by whatever start method, as an argument of it; who made it closes
 * its copy once the worker was started. */
#ifndef BILLIARD_LLINK_H
#define BILLIARD_LLINK_H

#include "bindings/compat.h"
#include "runtime/link.h"

enum bl_llink_end { BL_LLINK_OWNER, BL_LLINK_WORKER };

/* That end of a link, at index, which is open; raises. what names the call,
 * for the message. */
struct bl_link *bl_llink_check(lua_State *L, int index, enum bl_llink_end end,
                               const char *what);

/* Closes the one at index, also when somebody took what it stood on. */
void bl_llink_close(lua_State *L, int index);

/* Adds pool_link to the table on top. */
void bl_llink_open(lua_State *L);

#endif
