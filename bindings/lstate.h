/* SPDX-License-Identifier: MIT */
/* What the bindings keep for one Lua state: there is one per state, and in a
 * forked child it becomes the child's own (bl_lstate_adopt). */
#ifndef BILLIARD_LSTATE_H
#define BILLIARD_LSTATE_H

#include "bindings/compat.h"
#include "runtime/plan.h"
#include "runtime/self.h"

struct bl_lprocess;
struct bl_lconnection;

enum bl_lend { BL_LEND_NOT = 0, BL_LEND_BEGUN, BL_LEND_DONE };

struct bl_lstate {
  lua_State *L;        /* the main thread */
  pid_t pid;           /* the process this state lives in */
  pid_t tid;           /* the thread that loaded the module */
  lua_Integer counter; /* Processes built in this process */
  pid_t parent;        /* who started this process, 0 in the main one */
  enum bl_method method; /* how children are started unless told */
  int loading;         /* it is being set up as a child or a zygote */
  int bell;            /* children ring it when ready; BL_FD_NONE: none yet */
  enum bl_lend ended;  /* how far the exit housekeeping is */
  int has_waiter;      /* BL_LWAITER is not nil */
  const struct bl_lprocess *current; /* BL_LCURRENT */
  struct bl_lprocess *children; /* a ring: started, not seen to have ended */
  struct bl_lprocess *due; /* a list: those with a kill to come */
  size_t texts; /* bytes that ended children left, untold to the collector */
  struct bl_lconnection *connections; /* a list: those that are open */
  struct bl_lstate *next;
};

/* Makes the record; called once, when the module is opened. */
void bl_lstate_open(lua_State *L);

/* The record of L's state. In a process that somebody else forked from the one
 * that had it (a host that daemonises), it becomes this process's first. */
struct bl_lstate *bl_lstate(lua_State *L);

/* Lua values of the state; they stand beside the record, so that a child that
 * changes them touches one page. */
enum bl_lvalue {
  BL_LCURRENT = 1, /* the Process this process is */
  BL_LPARENT,      /* its parent's Process or ParentProcess; nil in the main */
  BL_LCHILDREN,    /* table: address -> Process, kept until reaped */
  BL_LAT_EXIT,     /* list of functions */
  BL_LSENTINELS,   /* list: lua_close() finalizes them (lexit.c) */
  BL_LBODY,        /* thread that a child's body will run on */
  BL_LWAITER,      /* what set_waiter() was given */
  BL_LEAR,         /* a Poller that hears the bell (lready.c) */
  BL_LRANDOMSEED,  /* math.randomseed */
  BL_LDESCRIBE,    /* what billiard.body tells of a child (lremote.c) */
  BL_LVALUES = BL_LDESCRIBE
};
void bl_lstate_get(lua_State *L, enum bl_lvalue which);
void bl_lstate_set(lua_State *L, enum bl_lvalue which); /* pops it */

/* Pushes one that is a table, made when first asked for. */
void bl_lstate_table(lua_State *L, enum bl_lvalue which);

/* child: the state is this process's now; its tables are empty. Returns the
 * process that had it. */
pid_t bl_lstate_adopt(lua_State *L);

/* A state that this thread of this process made, that is still open and has
 * not ended; null when there is none (left): for exit(). */
struct bl_lstate *bl_lstate_of_thread(void);

#endif
