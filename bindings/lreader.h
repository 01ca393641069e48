/* SPDX-License-Identifier: MIT */
/* What unpacking one message needs to know, and what its parts (values, in
 * lunpack.c, and functions, in lfunction.c) read alike. All of them raise
 * where a message cannot be built. */
#ifndef BILLIARD_LREADER_H
#define BILLIARD_LREADER_H

#include "bindings/compat.h"
#include "runtime/inspect.h"
#include "runtime/unpack.h"

struct bl_lreader {
  lua_State *L;
  struct bl_unpack in;
  enum bl_profile profile;
  int *fds; /* of the message */
  void (*value)(struct bl_lreader *r); /* bl_lunpack: functions hold values */
  int error;       /* the code, should it raise */
  int refs;        /* stack slot: table ordinal -> value; 0: nothing refers */
  size_t ordinals;
};

void bl_lreader_next(struct bl_lreader *r, struct bl_unpack_item *item);

/* The next ordinal; then keeps the value on top as what has it. */
size_t bl_lreader_number(struct bl_lreader *r);
void bl_lreader_keep(struct bl_lreader *r, size_t ordinal);

/* Pushes the value that has the ordinal. */
void bl_lreader_reference(struct bl_lreader *r, uint64_t ordinal);

#endif
