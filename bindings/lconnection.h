/* SPDX-License-Identifier: MIT */
/* billiard.Connection: one end of a pipe; it may be used by every process
 * that got it.
 *
 * What may be in a message is decided by where this process has the end from,
 * never by what stands in shared memory: functions go from the process that
 * made the pipe to those that it gave an end to, and what comes up from those
 * is data. */
#ifndef BILLIARD_LCONNECTION_H
#define BILLIARD_LCONNECTION_H

#include "bindings/compat.h"
#include "runtime/channel.h"
#include "runtime/inspect.h"
#include "runtime/self.h"

#define BL_LCONNECTION "billiard.Connection" /* the metatable's name */

enum bl_lorigin {
  BL_LORIGIN_MADE = 0, /* by `maker`, which may be this process's ancestor */
  BL_LORIGIN_GIVEN,    /* by a process that owns us */
  BL_LORIGIN_RAISED    /* by one that we own */
};

struct bl_lconnection {
  uint32_t magic;
  enum bl_lorigin origin;
  int functions;                  /* both ways, as the maker asked for */
  int closing;                    /* closed, but somebody waits for it */
  int waiters;                    /* coroutines in a waiter of set_waiter, */
  pid_t waited;                   /* of this process */
  pid_t maker;
  struct bl_channel *channel;     /* null: closed */
  struct bl_lconnection *partner; /* the other end, while both are open here */
  struct bl_lconnection *next;    /* of the state's open ones; */
  struct bl_lconnection **at;     /* where the one before points to it */
  int met;                        /* for lreach.c */
};

/* The open Connection that is the first argument; raises. what names the
 * call, for the message. */
struct bl_lconnection *bl_lconnection_check(lua_State *L, const char *what);

/* The Connection at index, open or not; null for other values. */
struct bl_lconnection *bl_lconnection_test(lua_State *L, int index);

/* Profiles of messages from here, and to here. */
enum bl_profile bl_lconnection_sends(const struct bl_lconnection *c);
enum bl_profile bl_lconnection_accepts(const struct bl_lconnection *c);

/* Around a wait in which others may close it: begin counts, end returns
 * BL_ECLOSED when they did, and lets go of what they left. */
void bl_lconnection_wait_begin(struct bl_lconnection *c);
int bl_lconnection_wait_end(struct bl_lconnection *c);

/* Pushes what a call returns that failed with r, and how many values that
 * are: an end that is broken is named. */
int bl_lconnection_failed(lua_State *L, int r, const char *what);

/* Lets go of the end. */
void bl_lconnection_drop(struct bl_lconnection *c);

/* Pushes the table of its methods, for the stems that send and receive. */
void bl_lconnection_methods(lua_State *L);

/* Adds Pipe to the table on top. */
void bl_lconnection_open(lua_State *L);

#endif
