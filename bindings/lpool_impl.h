/* SPDX-License-Identifier: MIT */
/* What the files about pools share. */
#ifndef BILLIARD_LPOOL_IMPL_H
#define BILLIARD_LPOOL_IMPL_H

#include "bindings/lclass.h"
#include "bindings/lprocess.h"
#include "bindings/lshed.h"
#include "runtime/buf.h"
#include "runtime/pool.h"

struct vigil; /* ---- lpoolwait.c ---- */

struct bl_lpool {
  const struct bl_lclass *class;
  struct bl_lshed shed;
  struct bl_pool *pool;     /* null: closed */
  pid_t owner;
  struct bl_lprocess *held; /* a list: those that `pool` uses */
  struct bl_buf out;  /* kept from call to call; empty while lent to one */
  int busy;           /* an event's bytes are being unpacked */
  int evict;          /* the share that goes next when there is no room */
  int waiting;        /* coroutines in a waiter of set_waiter */
  struct vigil *leader; /* what one of them waits by; null: nobody yet */
  int awaited;        /* one of them since the bell last rang */
  int bell;           /* rings when one hands out what others wait for */
  uint64_t news;      /* events that were handed out */
  int64_t soft_ns, hard_ns; /* of a plain task; 0: none */
  lua_Integer submitted, finished; /* tasks; those that workers have done */
};

/* Values tied to the userdata. */
enum {
  BL_LPOOL_PROCESSES = 1, /* worker + 1 -> Process */
  BL_LPOOL_FUNCTIONS,     /* weak: function -> share; false: it has none */
  BL_LPOOL_SHARES,        /* share -> its bytes, and these -> share */
  BL_LPOOL_PENDING,       /* ticket -> what waits for it: the Lua half's */
  BL_LPOOL_VALUES = BL_LPOOL_PENDING
};

/* ---- lpoolcore.c ---- */

extern const struct bl_lclass bl_lpool_class;

/* What is at index, null where that is no core. */
struct bl_lpool *bl_lpool_test(lua_State *L, int index);

/* The open one at index 1, of this process; raises. what names the call. */
struct bl_lpool *bl_lpool_check(lua_State *L, const char *what);

/* The same for calls that the bytes of an event would not survive: raises
 * where they are still being unpacked. */
struct bl_lpool *bl_lpool_idle(lua_State *L, const char *what);

/* Pushes the worker's Process. */
void bl_lpool_process(lua_State *L, int worker);

/* The Process at index, which no pool holds, is the worker from now on; and
 * lets go of it, once it is gone. */
void bl_lpool_hold(lua_State *L, struct bl_lpool *p, int worker, int index);
void bl_lpool_forget(lua_State *L, struct bl_lpool *p, int worker);

/* Closes it, but for its bell: somebody may wait for that. */
void bl_lpool_drop(struct bl_lpool *p);

/* Pushes a time as billiard.now() has it, nil for none. */
void bl_lpool_push_time(lua_State *L, int64_t ns);

/* Gives it another weak table for BL_LPOOL_FUNCTIONS; it is at index. */
void bl_lpool_new_functions(lua_State *L, int index);

/* ---- lpooltask.c ---- */

/* Argument arg: a length of time that a task may take; 0: any. */
int64_t bl_lpool_limit(lua_State *L, int arg);
int bl_lpool_submit(lua_State *L);

/* slice(list, first, last): those items, for submit: packed already where they
 * are nothing deep and the list is no object, else as a list. */
int bl_lpool_slice(lua_State *L);

/* A task without options: the core is at 1, its function at 2, the table of its
 * arguments at 3. Plain: raises nothing, and is BL_EUNSENDABLE where there is
 * more to it: a function that was not seen before, a table in the arguments. */
int bl_lpool_send(lua_State *L, struct bl_lpool *p, uint64_t *ticket);
int bl_lpool_send_plain(lua_State *L, struct bl_lpool *p, uint64_t *ticket);

/* ---- lpoolevent.c ---- */
int bl_lpool_next(lua_State *L); /* upvalues: lpoolresult.c */

/* ---- lpoolwait.c ---- */
int bl_lpool_wait(lua_State *L);
void bl_lpool_ring(struct bl_lpool *p); /* there were news */
void bl_lpool_open_wait(lua_State *L);

/* ---- lpoolresult.c ---- */
void bl_lpool_open_results(lua_State *L);

/* The task has ended with n values: the one on top, or a table of them. Settles
 * what waits for it, 1, where that is a plain AsyncResult which has not ended;
 * else 0. For bl_lpool_next(). */
int bl_lpool_settle(lua_State *L, const struct bl_pool_event *e, int n);

/* The task was a part of a map, and its results have no parts themselves: puts
 * them where they belong, pushes true and returns 1; else 0. For the same. */
int bl_lpool_fill(lua_State *L, const struct bl_pool_event *e);

/* ---- lpoollist.c ---- */
void bl_lpool_open_lists(lua_State *L);

#endif
