/* SPDX-License-Identifier: MIT */
/* What the files about queues share. */
#ifndef BILLIARD_LQUEUE_IMPL_H
#define BILLIARD_LQUEUE_IMPL_H

#include "bindings/lclass.h"
#include "runtime/queue.h"

enum bl_lqueue_kind {
  BL_LQUEUE = 0,
  BL_LQUEUE_JOINABLE,
  BL_LQUEUE_SIMPLE,
  BL_LQUEUE_KINDS
};

extern const struct bl_lclass bl_lqueue_classes[BL_LQUEUE_KINDS];

struct bl_lqueue {
  const struct bl_lclass *class;
  struct bl_queue *queue; /* null: closed */
  /* kept from call to call; empty while they are lent to one */
  struct bl_buf out, in;
};

/* The one at index 1, open or not; raises. */
static inline struct bl_lqueue *bl_lqueue_self(lua_State *L) {
  for (int i = 0; i < BL_LQUEUE_KINDS; i++) {
    struct bl_lqueue *q = bl_lclass_test(L, 1, &bl_lqueue_classes[i]);
    if (q) return q;
  }
  return bl_lclass_check(L, 1, &bl_lqueue_classes[BL_LQUEUE]);
}

/* The open one at index 1; raises, what names the call. */
static inline struct bl_lqueue *bl_lqueue_check(lua_State *L,
                                                const char *what) {
  struct bl_lqueue *q = bl_lqueue_self(L);
  if (!q->queue) luaL_error(L, "%s: %s is closed", what, q->class->name);
  return q;
}

/* lmessage.c */
int bl_lqueue_put(lua_State *L);
int bl_lqueue_put_nowait(lua_State *L);
int bl_lqueue_get(lua_State *L);
int bl_lqueue_get_nowait(lua_State *L);
int bl_lqueue_join(lua_State *L);

#endif
