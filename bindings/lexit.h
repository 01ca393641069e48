/* SPDX-License-Identifier: MIT */
/* The end of a process, whichever way it comes: at_exit functions run, last
 * first; daemonic children are ended; the others joined. Once. */
#ifndef BILLIARD_LEXIT_H
#define BILLIARD_LEXIT_H

#include "bindings/compat.h"

/* Runs all that, or what is left of it when an at_exit function leaves before
 * its end. Raises nothing. */
void bl_lexit_run(lua_State *L);

/* The same for all open states of this thread. A thread that calls exit()
 * while another one runs Lua must keep its hands off that one's state:
 * daemonic children then end by their lifelines. */
void bl_lexit_run_all(void);

/* From here on L's state has something to do at the end: lua_close() and
 * exit() will both see to it. */
void bl_lexit_expect(lua_State *L);

/* Pushes the message for the error on top, traceback under it: for pcall. */
int bl_lexit_traceback(lua_State *L);

/* Adds billiard.at_exit and billiard.exit to the table on top, and to Process
 * what ends the children when lua_close() collects them. */
void bl_lexit_open(lua_State *L);

#endif
