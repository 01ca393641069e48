/* SPDX-License-Identifier: MIT */
/* core.Pool: runtime/pool.h for the Lua half, scripts/billiard/pool.lua, which
 * has what users see. Tasks in and events out are values, packed and unpacked
 * without a detour. Belongs to the process that made it.
 *
 *   c:add(process, link, [max_tasks]) -> worker    c:retire, c:kill(worker)
 *   c:look(worker) -> process, up, retired, done, ticket, since, waiting
 *   c:submit(f, args, mode, [soft], [hard], [attempts], [tell]) -> ticket
 *   c:cancel(ticket), c:terminate(ticket, [signo]) -> boolean
 *   c:slice(list, first, last) -> items for submit
 *   c:started(ticket) -> worker, since             c:backlog(), c:underway()
 *   c:next() -> kind, ...                          c:wait([timeout])
 *   c:counts() -> submitted, finished              c:fileno(), c:due()
 *   c:close()
 *
 * Plain tasks and their results need no Lua (lpoolresult.c). */
#ifndef BILLIARD_LPOOL_H
#define BILLIARD_LPOOL_H

#include "bindings/compat.h"

/* Adds Pool to the table on top. */
void bl_lpool_open(lua_State *L);

#endif
