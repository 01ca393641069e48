/* SPDX-License-Identifier: MIT */
/* The library inside the host: `require "billiard"` needs no files. */
#ifndef BILLIARD_HOST_PRELOAD_H
#define BILLIARD_HOST_PRELOAD_H

#include <lua.h>

void preload_add(lua_State *L);

#endif
