/* SPDX-License-Identifier: MIT */
/* Blocking calls, and billiard.set_waiter: who does the waiting in them.
 *
 * A blocking call of ours is a struct bl_lcall. What Lua calls checks its
 * arguments, leaves on the stack whatever must be known between two looks
 * (how many bytes were written, say), and ends with
 * `return bl_lwaiter_call(L, &call, deadline_ns)`. Then
 *   1. without a waiter: look, waiting until the deadline; again after a
 *      signal handler ran, or when it came back early
 *   2. with one: look without waiting, f(object, seconds), which may yield,
 *      and so on. Where f returns false it cannot wait here (on the main
 *      thread, say), and the call goes on as without a waiter
 *   3. done
 * An interrupt that is pending is raised by each look. Since f may run
 * anything, a look starts from the arguments again, and checks them.
 *
 * A continuation here, and not a layer of Lua that calls with timeout 0: so
 * there is one path for both, with one set of results, and a function that
 * somebody kept in a local before set_waiter() is the same afterwards. */
#ifndef BILLIARD_LWAITER_H
#define BILLIARD_LWAITER_H

#include <stdint.h>

#include "bindings/compat.h"

struct bl_lcall {
  /* Tries, waits until until_ns if it must, tries again. BL_ETIMEOUT: not yet
     (it may be early); BL_EINTR and BL_ETERMINATED as bl_poll(); anything else
     is the result. Leaves the size of the stack as it was. */
  int (*look)(lua_State *L, int64_t until_ns);
  /* Pushes what f is to wait for: a value with pollfd, events and timeout.
     0, or an error, which is the result. */
  int (*object)(lua_State *L);
  /* Pushes what the call returns, and how many values that are. */
  int (*done)(lua_State *L, int r);
};

/* Carries out a blocking call. Does not return if it yields: the caller
 * returns what this returns. */
int bl_lwaiter_call(lua_State *L, const struct bl_lcall *call,
                    int64_t deadline_ns);

/* until_ns, or a little later than now: for a look that would not tell of every
 * signal handler that ran (it sleeps in a mutex, or by a futex), and so comes
 * back that often to let the hook of one through. */
int64_t bl_lwaiter_slice(int64_t until_ns);

/* An object function: the first argument. */
int bl_lwaiter_self(lua_State *L);

/* Adds set_waiter to the table on top. */
void bl_lwaiter_open(lua_State *L);

#endif
