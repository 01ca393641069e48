/* SPDX-License-Identifier: MIT */
/* Where a message is put together, and where one that came lies while it is
 * read. One is kept per Lua state, so that a small message allocates nothing;
 * a second is made when the kept one is busy (a __pack that packs, a coroutine
 * that waits for room), and is then the one that is kept. */
#ifndef BILLIARD_LSCRATCH_H
#define BILLIARD_LSCRATCH_H

#include "bindings/lwriter.h"
#include "runtime/channel.h"

struct bl_lscratch {
  int busy;
  struct bl_buf bytes;        /* to send */
  struct bl_lhandles handles; /* that go with them */
  int copies;                 /* of their descriptors: ours */
  int received;               /* is there a message? */
  struct bl_message message;
};

/* Pushes one that is busy from now on. What it holds is freed when it is given
 * back, or with the userdata. */
struct bl_lscratch *bl_lscratch_take(lua_State *L);
void bl_lscratch_give(struct bl_lscratch *s);

/* Its handles' descriptors as copies, which nobody else can close; 0 or
 * -errno. */
int bl_lscratch_copy(struct bl_lscratch *s);

void bl_lscratch_open(lua_State *L);

#endif
