/* SPDX-License-Identifier: MIT */
/* What the bindings keep for one Lua state: there is one per state, and in a
 * forked child it becomes the child's own (bl_lstate_adopt). */
#ifndef BILLIARD_LSTATE_H
#define BILLIARD_LSTATE_H

#include <sys/types.h>

#include "bindings/compat.h"

struct bl_lprocess;

struct bl_lstate {
  lua_State *L;        /* the main thread */
  pid_t pid;           /* the process this state lives in */
  pid_t tid;           /* the thread that loaded the module */
  lua_Integer counter; /* Processes built in this process */
  int bell;            /* children ring it when ready; BL_FD_NONE: none yet */
  int ended;           /* exit housekeeping has begun */
  struct bl_lprocess *children; /* a ring: started, not seen to have ended */
  struct bl_lstate *next;
};

/* Makes the record; called once, when the module is opened. */
void bl_lstate_open(lua_State *L);

/* The record of L's state. In a process that somebody else forked from the one
 * that had it (a host that daemonises), it becomes this process's first. */
struct bl_lstate *bl_lstate(lua_State *L);

/* Tables of the state, made when first asked for: pushes one. */
#define BL_LCHILDREN "children" /* address -> Process: keeps it until reaped */
#define BL_LAT_EXIT "at_exit"   /* list of functions */
void bl_lstate_table(lua_State *L, const char *name);

/* Pushes, or sets from the top of the stack, a single value of the state. */
#define BL_LCURRENT "current" /* the Process this process is */
#define BL_LPARENT "parent"   /* the ParentProcess, nil in the main process */
void bl_lstate_get(lua_State *L, const char *name);
void bl_lstate_set(lua_State *L, const char *name);

/* child: the state is this process's now; its tables are empty. Returns the
 * process that had it. */
pid_t bl_lstate_adopt(lua_State *L);

/* A state that this thread of this process made, that is still open and has
 * not ended; null when there is none (left): for exit(). */
struct bl_lstate *bl_lstate_of_thread(void);

#endif
