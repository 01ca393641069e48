/* SPDX-License-Identifier: MIT */
/* billiard.core: the C module, put together from the l<stem>.c files. The Lua
 * half (scripts/billiard) is what users require; this is what it stands on. */
#ifndef BILLIARD_CORE_H
#define BILLIARD_CORE_H

#include "bindings/compat.h"
#include "runtime/base.h"

/* For require, or for luaL_requiref() in a program that embeds Lua. */
BL_API int luaopen_billiard_core(lua_State *L);

#endif
