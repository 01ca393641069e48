/* SPDX-License-Identifier: MIT */
/* What can be waited for: a Process, an fd, or any object that says how by
 * the methods of cqueues (pollfd, events, timeout) or LuaSocket (getfd), or by
 * fileno. */
#ifndef BILLIARD_LOBJECT_H
#define BILLIARD_LOBJECT_H

#include <stdint.h>

#include "bindings/compat.h"

/* Who asks, for messages: a call, and which item of its list; 0: no list. */
struct bl_lasker {
  const char *call;
  lua_Integer item;
};

/* The descriptor of the value at index, BL_FD_NONE for an object that has
 * none now; raises for what cannot be waited for. */
int bl_lobject_fd(lua_State *L, int index, struct bl_lasker asker);

/* What it is to be polled for: POLLIN, POLLOUT, both or none. */
short bl_lobject_events(lua_State *L, int index, struct bl_lasker asker);

/* When it must be looked at again, whatever its descriptor says; BL_FOREVER
 * for never, and for values without a method timeout. */
int64_t bl_lobject_due(lua_State *L, int index, struct bl_lasker asker);

#endif
