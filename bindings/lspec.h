/* SPDX-License-Identifier: MIT */
/* The options of a Process: checked when it is built, turned into a plan when
 * it is started. */
#ifndef BILLIARD_LSPEC_H
#define BILLIARD_LSPEC_H

#include "bindings/compat.h"
#include "runtime/plan.h"

/* Checks the options table at index (raises) and pushes a copy of it, with
 * args, kwargs and command copied too. */
void bl_lspec_new(lua_State *L, int index);

/* Fills the plan from the spec table at index. What the plan points to lives
 * in values that are pushed: they must stay until the start is over. */
void bl_lspec_plan(lua_State *L, int index, struct bl_plan *plan);

/* The list of strings on top as a plan's argv, which is pushed and must stay
 * likewise. */
const char *const *bl_lspec_argv(lua_State *L);

#endif
