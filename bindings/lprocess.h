/* SPDX-License-Identifier: MIT */
/* billiard.Process: one userdata for a child, for the process itself
 * (current_process), and for the main process. */
#ifndef BILLIARD_LPROCESS_H
#define BILLIARD_LPROCESS_H

#include "bindings/lshed.h"
#include "runtime/process.h"

#define BL_LPROCESS "billiard.Process" /* the metatable's name */

enum bl_lstage {
  BL_LSTAGE_INITIAL = 0,
  BL_LSTAGE_STARTED, /* a child, alive or ended */
  BL_LSTAGE_SELF,    /* the process that runs this */
  BL_LSTAGE_CLOSED
};

struct bl_lprocess {
  enum bl_lstage stage;
  pid_t owner;                /* the process that may use this handle */
  struct bl_process *process; /* null: never was a child of the owner */
  int daemon;
  int command;                /* a program, not a Lua target */
  int joined_at_exit;         /* 0 after detach() */
  struct bl_lprocess *next, *previous; /* started and not reaped: a ring */
  int kept;                     /* a pool's worker had it before its tasks */
  struct bl_lshed *holder;      /* a pool that it works for: uses `process` */
  struct bl_lprocess *next_held;
  int has_due;                  /* is in the state's list of those */
  struct bl_lprocess *next_due;
};

/* Values tied to the userdata. */
enum {
  BL_LUV_CLASS = 1, /* table of methods */
  BL_LUV_SPEC,      /* table: the options, checked; name; authkey */
  BL_LUV_FIELDS,    /* table: extra fields of self, or nil */
  BL_LUV_STREAMS,   /* table: stdin, stdout, stderr, or nil */
  BL_LUV_COUNT = BL_LUV_STREAMS
};

/* May this process use it? The one that stands for the process itself goes
 * with it when a host daemonises, by a fork of its own. */
int bl_lprocess_mine(lua_State *L, const struct bl_lprocess *p);

/* The Process at index; raises when it is something else, closed, or belongs
 * to another process. what names the call, for the message. */
struct bl_lprocess *bl_lprocess_check(lua_State *L, int index,
                                      const char *what);

/* The same, and it must be a started child of this process. */
struct bl_lprocess *bl_lprocess_child(lua_State *L, int index,
                                      const char *what);

/* The Process at index, in whatever state; null for other values. */
struct bl_lprocess *bl_lprocess_test(lua_State *L, int index);

/* What a call that waits for the end of the Process at index 1 waits for: an
 * object function of lwaiter.h. */
int bl_lprocess_object(lua_State *L);

/* Looks whether it has ended; from then on nothing keeps the handle alive.
 * 1 ended, 0 not, < 0 error. */
int bl_lprocess_poll(lua_State *L, struct bl_lprocess *p);

/* Lets the collector work as much as if what ended children left were Lua's
 * memory: of those that nobody closes it would see small userdata only. */
void bl_lprocess_relieve(lua_State *L);

/* Has the kill that is due for p carried out by whoever waits. */
void bl_lprocess_expect_due(lua_State *L, struct bl_lprocess *p);

/* Carries out what has become due for the children of this process; when the
 * next will be. Costs nothing where nothing is due ever. */
int64_t bl_lprocess_settle_due(lua_State *L);

/* Pushes field key of the spec of the Process at index; its type. */
int bl_lprocess_spec(lua_State *L, int index, const char *key);

/* Sets it from the top of the stack. */
void bl_lprocess_set_spec(lua_State *L, int index, const char *key);

/* Lets go of the userdata, which the state kept while the child ran. */
void bl_lprocess_unanchor(lua_State *L, struct bl_lprocess *p);

/* Closes the handle of a Process that has ended, or whose interpreter ends. */
void bl_lprocess_release(lua_State *L, struct bl_lprocess *p);

/* Adds Process and the functions about processes to the table on top. */
void bl_lprocess_open(lua_State *L);

#endif
