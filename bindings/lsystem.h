/* SPDX-License-Identifier: MIT */
/* Small things about the machine: now sleep cpu_count usable_cpu_count
 * environment. */
#ifndef BILLIARD_LSYSTEM_H
#define BILLIARD_LSYSTEM_H

#include <stdint.h>

#include "bindings/compat.h"

/* Pushes what a waiter is given where there is no descriptor: it is due at
 * the deadline. */
void bl_lsystem_timer(lua_State *L, int64_t deadline_ns);

/* An object function (lwaiter.h) for what has no descriptor: due in a few
 * milliseconds, again and again. */
int bl_lsystem_nap(lua_State *L);

/* Adds them to the table on top. */
void bl_lsystem_open(lua_State *L);

#endif
