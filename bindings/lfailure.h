/* SPDX-License-Identifier: MIT */
/* What a child died of, as a billiard.Error: from what it told (loutcome.h),
 * from a step that failed, from a limit it met. The Process is at index 1 and
 * has ended. */
#ifndef BILLIARD_LFAILURE_H
#define BILLIARD_LFAILURE_H

#include "bindings/lprocess.h"

/* Pushes it, the same each time, and returns 1; or 0: it died of nothing that
 * is known here, and nothing is pushed. */
int bl_lfailure_push(lua_State *L, struct bl_lprocess *p);

/* What is added to the name of a program that ended before it answered. */
#define BL_LFAILURE_NO_HOST \
  " and may be no billiard host: see set_executable"

/* Pushes how it ended, in words that a subject can stand before. */
const char *bl_lfailure_end(lua_State *L, const struct bl_exit *e);

/* Adds pid and name of the Process at index, a child, to the error on top. */
void bl_lfailure_whose(lua_State *L, int index);

/* Adds pid, name, exitcode and signal to the error on top. */
void bl_lfailure_complete(lua_State *L, struct bl_lprocess *p);

/* Pushes 0 to 255, minus the signal, or false. */
void bl_lfailure_exitcode(lua_State *L, const struct bl_exit *e);

#endif
