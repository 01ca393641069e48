/* SPDX-License-Identifier: MIT */
/* The worker's side of a pool: runtime/worker.h for the Lua half, which is
 * scripts/billiard/worker.lua.
 *
 *   core.pool_serve(link, [max_memory_kib])
 *     serves until it is over: true | nil, message, code
 *   core.pool_failed(link, error)
 *     tells the owner that this cannot be a worker: the same
 *   core.pool_describe
 *     the message handler that makes such an error of what was raised */
#ifndef BILLIARD_LSERVE_H
#define BILLIARD_LSERVE_H

#include "bindings/compat.h"

/* Adds these to the table on top. */
void bl_lserve_open(lua_State *L);

#endif
