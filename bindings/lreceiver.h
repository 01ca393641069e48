/* SPDX-License-Identifier: MIT */
/* Connection's receiving half: recv, recv_bytes, poll. */
#ifndef BILLIARD_LRECEIVER_H
#define BILLIARD_LRECEIVER_H

#include "bindings/compat.h"

/* Adds the methods to the table on top. */
void bl_lreceiver_methods(lua_State *L);

#endif
