/* SPDX-License-Identifier: MIT */
/* Errors on their way from one process to another: a table with code, message,
 * and perhaps traceback, path and value, which is a message in a string: where
 * the receiver cannot build it, the rest stands all the same. */
#ifndef BILLIARD_LREPORT_H
#define BILLIARD_LREPORT_H

#include "bindings/lerror.h"
#include "runtime/buf.h"

/* The message handler of what a process is there for: whatever was raised
 * becomes a billiard.Error, and nothing is interrupted any more. */
int bl_lreport_describe(lua_State *L);

/* The error on top becomes one that can travel, and stays on top. Appends to
 * scratch and cuts it again. Raises for lack of memory. */
void bl_lreport_seal(lua_State *L, struct bl_buf *scratch);

/* Appends the error on top, which stays, as one message; where memory ends, a
 * shorter one. 0, or a negative code: there is no memory at all. Raises
 * nothing. */
int bl_lreport_write(lua_State *L, struct bl_buf *out);

/* Appends one in few words: fits BL_TEXT_MAX. */
int bl_lreport_short(const struct bl_lerror_texts *e, struct bl_buf *out);

/* Pushes the error that the value at index is, which may be anything and came
 * from a process that is not trusted. */
void bl_lreport_take(lua_State *L, int index);

/* The same for a message. */
void bl_lreport_read(lua_State *L, const char *bytes, size_t n);

#endif
