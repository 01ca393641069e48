/* SPDX-License-Identifier: MIT */
/* The Lua side of a forked child: from its first Lua instruction to its exit
 * status. */
#ifndef BILLIARD_LCHILD_H
#define BILLIARD_LCHILD_H

#include "bindings/lprocess.h"

/* What the body is given; lives on the stack of start(). */
struct bl_lchild {
  struct bl_lprocess *self;
  lua_State *body; /* the thread it runs on, with the call on its stack */
  int pairs;       /* of linterrupt.h, on top of the call */
  struct bl_lconnection *surplus; /* of lreach.h */
};

/* parent: puts the call of the Process at index 1 on the thread that bodies
 * run on. Pushes something that must stay until the start is over. */
void bl_lchild_prepare(lua_State *L, struct bl_lchild *child);

/* parent: takes the call off again, so that nothing of it is kept alive. */
void bl_lchild_forget(struct bl_lchild *child);

/* For bl_plan.body and .leave; arg is a struct bl_lchild. */
int bl_lchild_body(void *arg);
void bl_lchild_leave(void *arg, int status);

/* Adds billiard.ready to the table on top. */
void bl_lchild_open(lua_State *L);

#endif
