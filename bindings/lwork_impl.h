/* SPDX-License-Identifier: MIT */
/* What lwork.c, lworkmap.c and lworkvalue.c share. */
#ifndef BILLIARD_LWORK_IMPL_H
#define BILLIARD_LWORK_IMPL_H

#include "bindings/lwork.h"

/* Slots of the stack. */
enum {
  BL_LWORK = 1,      /* the light userdata */
  BL_LWORK_FUNCTION, /* nil where it is made anew for each item */
  BL_LWORK_ARGS
};

/* ---- lworkvalue.c, within a call of bl_lwork_do() ---- */

/* Raises a RemoteError; the format has one %s. */
int bl_lwork_fail(lua_State *L, const char *format, const char *what);

/* Pushes what m is, or raises that error. */
void bl_lwork_unpack(lua_State *L, const struct bl_lreceived *m,
                     const char *format);
#define BL_LWORK_BAD_FUNCTION "the function cannot be loaded: %s"
#define BL_LWORK_BAD_ARGS "the arguments cannot be unpacked: %s"

/* Pushes the function that the task refers to. */
void bl_lwork_share(lua_State *L, const struct bl_lwork *w);

/* Pushes the values of the table at index; how many. */
int bl_lwork_spread(lua_State *L, int index);

/* Appends the value on top: 0; or -1, and the error is pushed: what cannot
 * travel is the fault of who returned it. */
int bl_lwork_pack(lua_State *L, const char *root, struct bl_buf *out);

/* ---- lworkmap.c ---- */

/* A task of many items. */
void bl_lwork_map(lua_State *L, struct bl_lwork *w);

#endif
