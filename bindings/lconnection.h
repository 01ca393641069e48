/* SPDX-License-Identifier: MIT */
/* billiard.Connection: one end of a pipe, in the hands of Lua. */
#ifndef BILLIARD_LCONNECTION_H
#define BILLIARD_LCONNECTION_H

#include "bindings/compat.h"
#include "runtime/channel.h"
#include "runtime/inspect.h"

#define BL_LCONNECTION "billiard.Connection" /* the metatable's name */

/* How this process came to it: that decides who may send functions. Never
 * read from memory that others can write. */
enum bl_lorigin {
  BL_LMADE,  /* made in the process `maker`; elsewhere: got from its owner */
  BL_LGIVEN, /* by a process that owns this one */
  BL_LRAISED /* by a process that this one owns */
};

struct bl_lconnection {
  uint32_t magic;
  enum bl_lorigin origin;
  pid_t maker;
  int functions; /* both sides may send them */
  int open;
  struct bl_channel *channel; /* null: closed, and nobody waits any more */
  pid_t waited;               /* the process whose coroutines wait on it */
  int waiters;                /* how many of them */
  struct bl_lconnection *other; /* end of the pipe, while both are open here */
  struct bl_lconnection *next, *previous; /* in the list of such ends */
  struct bl_lconnection **list;
  int reached; /* for lpipe.c */
};

enum { BL_LCONNECTION_MAGIC = 0x626c636e };

/* Values tied to the userdata. */
enum { BL_LUV_ROOM = 1 /* of lmessage.c, or nil */ };

/* Pushes a closed one. */
struct bl_lconnection *bl_lconnection_new(lua_State *L);

/* Gives it its end, which it takes. */
void bl_lconnection_give(struct bl_lconnection *c, struct bl_channel *channel);

/* These are the two ends of a pipe: into the list, until one is closed. */
void bl_lconnection_join(struct bl_lconnection *a, struct bl_lconnection *b,
                         struct bl_lconnection **list);

/* The value at index; null if it is none. */
struct bl_lconnection *bl_lconnection_test(lua_State *L, int index);

/* The one at index 1: raises where it is none, or is closed. what names the
 * call, for the message. */
struct bl_lconnection *bl_lconnection_check(lua_State *L, const char *what);

/* Lets go of the end; who waits for it learns that. */
void bl_lconnection_close(struct bl_lconnection *c);

/* A coroutine begins, or has ceased, to wait on it. */
void bl_lconnection_enter(struct bl_lconnection *c);
void bl_lconnection_leave(struct bl_lconnection *c);

/* How what is sent must be packed, and what is received be judged. */
enum bl_profile bl_lconnection_sends(const struct bl_lconnection *c);
enum bl_profile bl_lconnection_accepts(const struct bl_lconnection *c);

void bl_lconnection_open(lua_State *L);

#endif
