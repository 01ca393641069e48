/* SPDX-License-Identifier: MIT */
/* Connection's sending half: send, send_bytes. */
#ifndef BILLIARD_LSENDER_H
#define BILLIARD_LSENDER_H

#include "bindings/compat.h"

/* Adds them to Connection. */
void bl_lsender_open(lua_State *L);

#endif
