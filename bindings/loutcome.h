/* SPDX-License-Identifier: MIT */
/* How a body ended, for the parent: texts of the board (body.h), written here
 * and read by lresult.c and lfailure.c.
 *
 *   RESULT  nothing for no values, else one message of the codec: a table of
 *           the values with n, or an error where they cannot travel
 *   ERROR   one message, an error (lreport.h)
 *
 * Nothing here raises. Where memory or room ends, a shorter error is told. */
#ifndef BILLIARD_LOUTCOME_H
#define BILLIARD_LOUTCOME_H

#include "bindings/compat.h"

/* The body returned the values from index `first` to the top. Takes them off
 * the stack. */
void bl_loutcome_values(lua_State *L, int first);

/* The body raised what is on top. */
void bl_loutcome_error(lua_State *L);

#endif
