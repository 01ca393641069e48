/* SPDX-License-Identifier: MIT */
/* Connection's sending half: send, send_bytes. */
#ifndef BILLIARD_LSENDER_H
#define BILLIARD_LSENDER_H

#include "bindings/compat.h"

/* Adds the methods to the table on top. */
void bl_lsender_methods(lua_State *L);

#endif
