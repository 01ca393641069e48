/* SPDX-License-Identifier: MIT */
/* Lock and RLock. */
#ifndef BILLIARD_LLOCK_H
#define BILLIARD_LLOCK_H

#include "bindings/compat.h"
#include "runtime/latch.h"
#include "runtime/shm.h"

/* Pushes a Lock in memory of its own; 0 or an error. */
int bl_llock_new(lua_State *L, enum bl_latch_kind kind);

/* Pushes a Lock in the memory `in` of the value at index, which keeps it there, and
 * calls bl_llock_close() before it goes. */
void bl_llock_lend(lua_State *L, int index, const struct bl_shm *in,
                   struct bl_latch *latch);

/* Is the value at index a Lock or RLock; and one that is open? */
int bl_llock_is(lua_State *L, int index);
int bl_llock_is_open(lua_State *L, int index);

/* The latch of the open one at index; raises, what names the call. */
struct bl_latch *bl_llock_latch(lua_State *L, int index, const char *what);

/* Takes it: as bl_latch_take(), but BL_ETIMEOUT may be early; or however long
 * that takes. */
int bl_llock_take(lua_State *L, int index, const char *what,
                  int64_t until_ns);
int bl_llock_insist(lua_State *L, int index, const char *what);

/* The Lock at index is closed now; nothing for what is none. */
void bl_llock_close(lua_State *L, int index);

/* The methods, which others delegate to: a Lock and arguments. */
int bl_llock_acquire(lua_State *L);
int bl_llock_release(lua_State *L);

/* Raises unless who closes a latch may: its holder may not. */
void bl_llock_check_close(lua_State *L, const struct bl_latch *latch,
                          const char *name);

void bl_llock_open(lua_State *L);

#endif
