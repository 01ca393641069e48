/* SPDX-License-Identifier: MIT */
/* Objects that are made of descriptors, and travel as such: connections,
 * shared memory, locks, queues. Each type says here how; the codec calls it.
 *
 * A message with handles can be carried by what carries descriptors: a
 * connection, or the start of a child. */
#ifndef BILLIARD_LHANDLE_H
#define BILLIARD_LHANDLE_H

#include "bindings/compat.h"
#include "runtime/inspect.h"
#include "runtime/packet.h"

/* The descriptors of a message that is being packed; they stay the
 * objects'. */
struct bl_lhandles {
  int n;
  int fds[BL_PACKET_FDS];
};

/* Those of a message that came, as far as they are one object's. */
struct bl_lhandles_in {
  int *fds; /* BL_FD_NONE: another object has it */
  int n;
  enum bl_profile profile; /* who sent them */
};

struct bl_lhandle_type {
  const char *name; /* the metatable's, and on the wire */
  /* why it cannot travel otherwise: "Connection, which only ..." */
  const char *carriers;
  /* Adds the descriptors of the object on top (bl_lhandles_add), and pushes
     what else it needs, plain data: null. Else why not: static text. */
  const char *(*give)(lua_State *L, struct bl_lhandles *out);
  /* Makes an object of the value on top and the descriptors, which it takes
     (each that it took is set to BL_FD_NONE), and replaces the value by it.
     Raises, having taken or closed what it likes. */
  void (*take)(lua_State *L, struct bl_lhandles_in *in);
};

/* What comes with a connection or a start says of handles elsewhere. */
#define BL_LHANDLE_CARRIERS \
  ", which only a connection or a starting child can carry"

/* Registers a type, whose metatable exists and which is never freed. */
void bl_lhandle_add(lua_State *L, const struct bl_lhandle_type *type);

/* The type of the userdata on top; null when it is no handle. */
const struct bl_lhandle_type *bl_lhandle_of(lua_State *L);

/* Adds one: null, or why not. */
const char *bl_lhandles_add(struct bl_lhandles *out, int fd);

/* Replaces the value on top by the object of that type; raises. */
void bl_lhandle_take(lua_State *L, const char *type,
                     struct bl_lhandles_in *in);

/* Makes room for types. */
void bl_lhandle_open(lua_State *L);

#endif
