/* SPDX-License-Identifier: MIT */
/* The worker's side of a pool: runtime/worker.h for the Lua half, which is
 * scripts/billiard/worker.lua.
 *
 *   core.pool_serve(link, [max_memory_kib]) -> true | nil, message, code
 *   core.pool_failed(link, error)            the same: it cannot be a worker */
#ifndef BILLIARD_LSERVE_H
#define BILLIARD_LSERVE_H

#include "bindings/compat.h"

/* Adds pool_serve and pool_failed to the table on top. */
void bl_lserve_open(lua_State *L);

#endif
