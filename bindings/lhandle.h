/* SPDX-License-Identifier: MIT */
/* Objects that travel as descriptors: connections, and whatever else lives in
 * the kernel. Their type registers here; the codec writes such an object as
 * runtime/pack.h says, and what carries the message carries the descriptors. */
#ifndef BILLIARD_LHANDLE_H
#define BILLIARD_LHANDLE_H

#include "bindings/lreader.h"
#include "bindings/lwriter.h"

struct bl_lhandle_type {
  const char *name; /* of the metatable: "billiard.Connection" */
  int n;            /* descriptors of each object */
  int starting;     /* travels only to a child that starts */
  /* The object is on top: sets its descriptors (borrowed), and writes as one
     value what else is to be known. Returns as bl_lpack() does. */
  int (*give)(struct bl_lwriter *w, int *fds);
  /* Reads that value, takes the descriptors (a taken one is set to
     BL_FD_NONE) and pushes the object. Raises. */
  void (*take)(struct bl_lreader *r, int *fds);
};

/* Registers the type whose metatable is on top. */
void bl_lhandle_add(lua_State *L, const struct bl_lhandle_type *type);

/* The type of the userdata at index; null for others. */
const struct bl_lhandle_type *bl_lhandle_at(lua_State *L, int index);

/* Writes the object on top; pushes the one that comes next. */
int bl_lhandle_pack(struct bl_lwriter *w, const struct bl_lhandle_type *type);
void bl_lhandle_unpack(struct bl_lreader *r, const char *end);

void bl_lhandle_open(lua_State *L);

#endif
