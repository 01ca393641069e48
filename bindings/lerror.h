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

/* Raises the billiard.Error for a pending controlled termination. */
int bl_lerror_terminated(lua_State *L);

/* Fields of the error value at index for a report to the parent: pushes code,
 * message (both strings, whatever the value is). */
void bl_lerror_describe(lua_State *L, int index);

void bl_lerror_open(lua_State *L);

#endif
