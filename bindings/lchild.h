/* SPDX-License-Identifier: MIT */
/* The Lua side of a child: from its first Lua instruction to its exit
 * status. */
#ifndef BILLIARD_LCHILD_H
#define BILLIARD_LCHILD_H

#include "bindings/lprocess.h"
#include "runtime/parcel.h"

/* What the body is given; lives on the stack of start(). */
struct bl_lchild {
  struct bl_lprocess *self;
  lua_State *body; /* the thread it runs on, with the call on its stack */
  int pairs;       /* of linterrupt.h, on top of the call */
};

/* parent: puts the call of the Process at index 1 on the thread that bodies
 * run on. Pushes something that must stay until the start is over. */
void bl_lchild_prepare(lua_State *L, struct bl_lchild *child);

/* parent: takes the call off again, so that nothing of it is kept alive. */
void bl_lchild_forget(struct bl_lchild *child);

/* For bl_plan.body and .leave; arg is a struct bl_lchild. */
int bl_lchild_body(void *arg);
void bl_lchild_leave(void *arg, int status);

/* child, not forked from its owner: becomes and runs what the parcel, which is
 * taken, says; the exit status, or the negative of a signal. */
int bl_lchild_remote(lua_State *L, struct bl_parcel *parcel);

/* child: package.path and .cpath from the table at index; then calls a function
 * of billiard.body with the value on top, whose result replaces it. */
void bl_lchild_package(lua_State *L, int index);
void bl_lchild_half(lua_State *L, const char *name);

/* Adds billiard.ready to the table on top. */
void bl_lchild_open(lua_State *L);

#endif
