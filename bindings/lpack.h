/* SPDX-License-Identifier: MIT */
/* Lua values to the wire format (runtime/pack.h), straight from the stack.
 *
 * The functions here return 0, or how the packing ends early: a negative code,
 * or BL_LPACK_AGAIN. They leave the value that they write where it is, on top,
 * and may leave more above it when they end early. Lua errors (no memory, what
 * a __pack raises) pass through: lcodec.c catches them. */
#ifndef BILLIARD_LPACK_H
#define BILLIARD_LPACK_H

#include "bindings/lpath.h"
#include "bindings/lseen.h"
#include "runtime/buf.h"
#include "runtime/inspect.h"
#include "runtime/pack.h"

/* Modules were loaded of which tables written before knew nothing. */
#define BL_LPACK_AGAIN 1

/* Slots of the Lua stack, from 1. */
enum {
  BL_LPACK_SEEN = 1, /* userdata of lseen.c */
  BL_LPACK_INDEX,    /* of lname.c */
  BL_LPACK_KEEP,     /* table: what __pack made, or nil */
  BL_LPACK_VALUE     /* what is packed; the highest slot */
};

struct bl_lpack {
  lua_State *L;
  struct bl_buf *out;
  enum bl_profile profile;
  unsigned depth;
  uint32_t ordinals;
  int fresh;            /* the index has been refreshed for this message */
  struct bl_lseen seen;
  const char *what;     /* why a value is unsendable */
  struct bl_lpath path; /* to it */
};

void bl_lpack_init(struct bl_lpack *p, lua_State *L, enum bl_profile profile,
                   struct bl_buf *out);

/* Writes the value on top. */
int bl_lpack_value(struct bl_lpack *p);

/* ---- for lfunction.c ---- */

/* Begin and end an extension; they count its depth. */
int bl_lpack_open(struct bl_lpack *p, enum bl_pack_extension type,
                  size_t *mark);
int bl_lpack_close(struct bl_lpack *p, size_t mark);

/* Gives the next ordinal to the value at this address. */
struct bl_lseen_entry *bl_lpack_number(struct bl_lpack *p, const void *key);

int bl_lpack_reference(struct bl_lpack *p, const struct bl_lseen_entry *e);
int bl_lpack_name(struct bl_lpack *p, const char *module, const char *field);

/* Unsendable, and why: static text. */
int bl_lpack_refuse(struct bl_lpack *p, const char *what);

#endif
