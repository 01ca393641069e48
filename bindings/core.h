/* SPDX-License-Identifier: MIT */
/* billiard.core: the C module, put together from the l<stem>.c files. The Lua
 * half (scripts/billiard) is what users require; this is what it stands on. */
#ifndef BILLIARD_CORE_H
#define BILLIARD_CORE_H

#include "bindings/compat.h"
#include "runtime/base.h"

/* For require, or for luaL_requiref() in a program that embeds Lua. */
BL_API int luaopen_billiard_core(lua_State *L);

/* For the main() of a program that starts billiard's children by itself
 * (set_executable): call it first. Does not return in such a child; -1 in any
 * other process. */
BL_API int bl_child_main(int argc, char **argv);

#endif
