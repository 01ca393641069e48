/* SPDX-License-Identifier: MIT */
/* How errors leave C for Lua. */
#ifndef BILLIARD_LERROR_H
#define BILLIARD_LERROR_H

#include "bindings/compat.h"

#define BL_LERROR "billiard.Error" /* the metatable's name */

/* The world's errors. Pushes nil, sentence, code and returns 3: the sentence
 * is "text (where)", or just "text" where is null; for timeout, closed,
 * empty and full it is the code itself. */
int bl_lerror_return(lua_State *L, int error, const char *where);

/* A billiard.Error: pushes a table with code and message (and traceback,
 * where that is not null), for the caller to complete. */
void bl_lerror_new(lua_State *L, const char *code, const char *message,
                   const char *traceback);

/* Raises the billiard.Error that says what the code says. */
int bl_lerror_raise(lua_State *L, int error);

/* Is the value at index a billiard.Error? */
int bl_lerror_is(lua_State *L, int index);

/* Pushes a billiard.Error for a value that was raised, whatever it is: its
 * code, message and path where it is one, and the value itself where it is no
 * string. */
void bl_lerror_wrap(lua_State *L, int index, const char *traceback);

/* What people read of an error value, a billiard.Error or what Lua raises for
 * lack of memory: needs next to no memory. Valid while the value is. */
struct bl_lerror_texts {
  const char *code, *message, *traceback; /* "" for none */
};
struct bl_lerror_texts bl_lerror_texts(lua_State *L, int index);

void bl_lerror_open(lua_State *L);

#endif
