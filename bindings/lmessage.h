/* SPDX-License-Identifier: MIT */
/* What a Connection is for: messages, in blocking calls and in loops. */
#ifndef BILLIARD_LMESSAGE_H
#define BILLIARD_LMESSAGE_H

#include "bindings/compat.h"

/* Adds the methods to Connection. */
void bl_lmessage_open(lua_State *L);

#endif
