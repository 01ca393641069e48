/* SPDX-License-Identifier: MIT */
/* libbilliard: start, watch, limit and stop processes from C.
 *
 * Everything of the runtime that a program may use; included by nobody
 * inside. No global state beyond the process's own, no handler installed,
 * nothing to initialise. See process.h for the order of calls. */
#ifndef BILLIARD_H
#define BILLIARD_H

#include "runtime/base.h"
#include "runtime/bell.h"
#include "runtime/body.h"
#include "runtime/buf.h"
#include "runtime/channel.h"
#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "runtime/error.h"
#include "runtime/family.h"
#include "runtime/hire.h"
#include "runtime/link.h"
#include "runtime/plan.h"
#include "runtime/poll.h"
#include "runtime/poller.h"
#include "runtime/pool.h"
#include "runtime/process.h"
#include "runtime/queue.h"
#include "runtime/secret.h"
#include "runtime/signame.h"
#include "runtime/stream.h"
#include "runtime/worker.h"

/* What knows Lua, and stands in the module core.so and not in libbilliard.
 *
 * For the main() of a program that starts children by itself (set_executable):
 * call it first. In such a child it does not return; -1 in any other process. */
BL_API int bl_child_main(int argc, char **argv);

/* For luaL_requiref(L, "billiard.core", ...). */
struct lua_State;
BL_API int luaopen_billiard_core(struct lua_State *L);

#endif
