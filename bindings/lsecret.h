/* SPDX-License-Identifier: MIT */
/* billiard.AuthenticationString: key bytes that Lua code can hand on and
 * compare but not spread. */
#ifndef BILLIARD_LSECRET_H
#define BILLIARD_LSECRET_H

#include "bindings/compat.h"

/* Pushes a new one with n random bytes. */
void bl_lsecret_random(lua_State *L, size_t n);

/* Turns the string on top into one; leaves one as it is; else raises. */
void bl_lsecret_coerce(lua_State *L);

/* Adds AuthenticationString to the table on top. */
void bl_lsecret_open(lua_State *L);

#endif
