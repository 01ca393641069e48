/* SPDX-License-Identifier: MIT */
/* The Lua side of a forked child: from its first Lua instruction to its exit
 * status. */
#ifndef BILLIARD_LCHILD_H
#define BILLIARD_LCHILD_H

#include "bindings/lprocess.h"

/* What the body is given; lives on the stack of start(). The Process is at
 * index 1 of L. */
struct bl_lchild {
  lua_State *L;
  struct bl_lprocess *self;
};

/* For bl_plan.body and .leave; arg is a struct bl_lchild. */
int bl_lchild_body(void *arg);
void bl_lchild_leave(void *arg, int status);

/* Adds billiard.ready to the table on top. */
void bl_lchild_open(lua_State *L);

#endif
