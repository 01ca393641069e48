/* SPDX-License-Identifier: MIT */
/* Blocking calls, and billiard.set_waiter: who does the waiting in them.
 *
 * A blocking call of ours is three functions. It checks its arguments, leaves
 * on the stack whatever it needs between two looks, and ends with
 * `return bl_lwaiter_call(L, &call, deadline_ns)`. Then
 *   1. look, waiting until the deadline; again after a signal handler ran, or
 *      when it came back early. That is all where no waiter is set.
 *   2. With a waiter: look without waiting, f(object, seconds), which may
 *      yield, and so on. Where f returns false, it cannot wait here (on the
 *      main thread, say), and we do for that once.
 *   3. done.
 * What is pending is raised before and after each step. Since f may run
 * anything, look starts from the arguments again each time, and checks them.
 * Only here do we wait, and only here is anything called that may yield.
 * The waiter is left alone while this process ends. */
#ifndef BILLIARD_LWAITER_H
#define BILLIARD_LWAITER_H

#include <stdint.h>

#include "bindings/compat.h"

struct bl_lwait {
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
int bl_lwaiter_call(lua_State *L, const struct bl_lwait *call,
                    int64_t deadline_ns);

/* An object function: the first argument. */
int bl_lwaiter_self(lua_State *L);

/* Adds set_waiter to the table on top. */
void bl_lwaiter_open(lua_State *L);

#endif
