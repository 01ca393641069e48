/* SPDX-License-Identifier: MIT */
/* billiard.Queue, JoinableQueue and SimpleQueue: one class of object in C,
 * with more methods or fewer. What is put is packed before anybody's mutex is
 * taken, and unpacked after it was given back: no Lua code runs in between.
 *
 * Any process may put and any may get, so that what is in a queue is judged as
 * if it came from a child: data. */
#ifndef BILLIARD_LQUEUE_H
#define BILLIARD_LQUEUE_H

#include "bindings/compat.h"

/* Adds the three to the table on top. */
void bl_lqueue_open(lua_State *L);

#endif
