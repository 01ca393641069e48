/* SPDX-License-Identifier: MIT */
/* Connection's receiving half: recv, recv_bytes, poll. */
#ifndef BILLIARD_LRECEIVER_H
#define BILLIARD_LRECEIVER_H

#include "bindings/compat.h"

/* Adds them to Connection. */
void bl_lreceiver_open(lua_State *L);

#endif
