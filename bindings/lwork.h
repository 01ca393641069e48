/* SPDX-License-Identifier: MIT */
/* One task at a worker: from its bytes to those of its result (ltask.h). */
#ifndef BILLIARD_LWORK_H
#define BILLIARD_LWORK_H

#include "bindings/lcodec.h"
#include "runtime/unpack.h"
#include "runtime/worker.h"

struct bl_lwork {
  const struct bl_worker_task *task;
  struct bl_lreceived each; /* a function that is made anew for each item;
                               bytes null: it is the same for all */
  struct bl_buf *reply;     /* what it results in, */
  int status;               /* and what that is */
  struct bl_buf *scratch;   /* empty */
  int fds;                  /* descriptors that objects took */
  lua_Integer item, items;  /* of many: the one that is done, and the last */
  int flat;                 /* the items have no parts, */
  struct bl_unpack in;      /* and these are left */
  int streams;              /* their results go into the reply at once, */
  size_t begin;             /* behind so many bytes */
};

/* A C function to be called with a light userdata, the struct bl_lwork, under
 * the message handler of lreport.h; its upvalue is a table: share -> its
 * bytes, or the function that they are. Does the task; raises what the task
 * raised. Interrupts are raised in the task's own code alone. */
int bl_lwork_do(lua_State *L);

#endif
