/* SPDX-License-Identifier: MIT */
/* Interrupts reach Lua code here: in a loop through a hook on the coroutine
 * that runs, in a blocking call of ours through its result. */
#ifndef BILLIARD_LINTERRUPT_H
#define BILLIARD_LINTERRUPT_H

#include "bindings/compat.h"

/* parent: pushes what the child has to put into the table `coroutine`, and
 * that table: looking it up would cost the child pages. Returns how many
 * pairs of name and function there are below the table. */
int bl_linterrupt_prepare(lua_State *L);

/* child: from here on interrupts are raised in the coroutine that runs,
 * beginning with L. Pops what prepare has pushed: versions of
 * coroutine.resume, wrap and close that say which one that is. */
void bl_linterrupt_track(lua_State *L, int pairs);

/* child: around what L calls for its user, where code of ours goes on after
 * it: interrupts are raised from enter to leave, in L and what it resumes, and
 * nowhere else. */
void bl_linterrupt_enter(lua_State *L);
void bl_linterrupt_leave(lua_State *L);

/* Remembers Lua's own coroutine functions. */
void bl_linterrupt_open(lua_State *L);

/* Around a wait of ours; lwaiter.h has the blocking calls:
 *   struct bl_lblock b = bl_lblock_begin(L);
 *   do r = call(..., deadline); while (bl_lblock_again(L, &b, r));
 * Raises what is pending; tells the caller to go on waiting after a signal
 * handler ran, but for one that set a hook (the interpreter's SIGINT). */
struct bl_lblock {
  lua_Hook hook;
};
struct bl_lblock bl_lblock_begin(lua_State *L);
int bl_lblock_again(lua_State *L, const struct bl_lblock *b, int r);

#endif
