/* SPDX-License-Identifier: MIT */
/* What packing one message needs to know, and what its parts (values, in
 * lpack.c, and functions, in lfunction.c) write alike.
 *
 * Functions that write return 0, or how the packing ends early: a negative
 * code, or BL_LWRITER_AGAIN. */
#ifndef BILLIARD_LWRITER_H
#define BILLIARD_LWRITER_H

#include "bindings/lpath.h"
#include "bindings/lseen.h"
#include "runtime/buf.h"
#include "runtime/inspect.h"
#include "runtime/pack.h"
#include "runtime/packet.h"

/* Modules were loaded of which tables written before knew nothing. */
#define BL_LWRITER_AGAIN 1

/* What carries a message that may hold handles. */
struct bl_lhandles {
  enum bl_profile profile; /* in which the receiver will take it */
  int starting; /* it tells a child what to be: may hold secrets too */
  int n;
  int fds[BL_PACKET_FDS]; /* that must go with the message; borrowed */
};

/* Slots of the Lua stack, from 1. */
enum {
  BL_LWRITER_SEEN = 1, /* userdata of lseen.c */
  BL_LWRITER_INDEX,    /* of lname.c */
  BL_LWRITER_KEEP,     /* table: what __pack made, or nil */
  BL_LWRITER_VALUE     /* what is packed; the highest slot */
};

struct bl_lwriter {
  lua_State *L;
  struct bl_buf *out;
  enum bl_profile profile;
  struct bl_lhandles *handles; /* null: no object that is descriptors */
  int (*value)(struct bl_lwriter *w); /* bl_lpack: functions hold values */
  unsigned depth;
  uint32_t ordinals;
  int fresh;            /* the index has been refreshed for this message */
  struct bl_lseen seen;
  const char *what;     /* is unsendable: ends the path; */
  const char *why;      /* for the message; null: what says it */
  struct bl_lpath path; /* to it */
};

void bl_lwriter_init(struct bl_lwriter *w, lua_State *L,
                     enum bl_profile profile, struct bl_buf *out);

/* Unsendable, and why: static text, or a string on the Lua stack. */
int bl_lwriter_refuse(struct bl_lwriter *w, const char *what);

/* Around what a container holds: depth, and room on the Lua stack. */
int bl_lwriter_enter(struct bl_lwriter *w);
void bl_lwriter_leave(struct bl_lwriter *w);

/* Begin and end an extension, which is a container. */
int bl_lwriter_open(struct bl_lwriter *w, enum bl_pack_extension type,
                    size_t *mark);
int bl_lwriter_close(struct bl_lwriter *w, size_t mark);

/* Gives the next ordinal to the value at this address. */
struct bl_lseen_entry *bl_lwriter_number(struct bl_lwriter *w,
                                         const void *key);

int bl_lwriter_reference(struct bl_lwriter *w,
                         const struct bl_lseen_entry *e);
int bl_lwriter_name(struct bl_lwriter *w, const char *module,
                    const char *field);

#endif
