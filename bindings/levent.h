/* SPDX-License-Identifier: MIT */
/* Event and Semaphore: objects that are one eventfd. */
#ifndef BILLIARD_LEVENT_H
#define BILLIARD_LEVENT_H

#include "bindings/compat.h"

void bl_levent_open(lua_State *L);

#endif
