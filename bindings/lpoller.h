/* SPDX-License-Identifier: MIT */
/* billiard.Poller: waiting for many things, in one call or another's loop. */
#ifndef BILLIARD_LPOLLER_H
#define BILLIARD_LPOLLER_H

#include "bindings/compat.h"
#include "bindings/lobject.h"
#include "runtime/poller.h"

/* Pushes an empty Poller; 0, or an error and nothing is pushed. */
int bl_lpoller_new(lua_State *L);

/* What the one at index stands on. Descriptors may be added to it that Lua
 * does not know; Poller.wait says nothing about them. */
struct bl_poller *bl_lpoller_at(lua_State *L, int index);

/* Is the value at index in the Poller at poller? */
int bl_lpoller_has(lua_State *L, int poller, int index);

/* Adds the value at index, which it does not have; 0 or an error. */
int bl_lpoller_add(lua_State *L, int poller, int index,
                   struct bl_lasker asker);

/* Closes the one at index; nil, and one that is closed, are left alone. */
void bl_lpoller_close(lua_State *L, int index);

/* Adds Poller to the table on top. */
void bl_lpoller_open(lua_State *L);

#endif
