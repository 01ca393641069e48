/* SPDX-License-Identifier: MIT */
/* Waiting for several things at once, and what other loops need to wait for a
 * Process. */
#ifndef BILLIARD_LWAIT_H
#define BILLIARD_LWAIT_H

#include "bindings/compat.h"

/* Adds wait to the table on top, and fileno pollfd events timeout getfd dirty
 * to its Process. */
void bl_lwait_open(lua_State *L);

#endif
