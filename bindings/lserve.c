/* SPDX-License-Identifier: MIT */
#include "bindings/lserve.h"

#include "bindings/linterrupt.h"
#include "bindings/llink.h"
#include "bindings/lprocess.h"
#include "bindings/lreport.h"
#include "bindings/lstate.h"
#include "bindings/ltask.h"
#include "bindings/lwork.h"
#include "runtime/clock.h"
#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/limit.h"
#include "runtime/signame.h"

enum { KEPT_MAX = 1 << 20 }; /* a larger buffer is not kept */

/* Objects are small, and the collector would let many of them come together:
   this many descriptors, and no more, before it must look. */
enum { FDS_MAX = 64 };

/* A child that was killed has gone by then, or cannot be killed. */
#define REAP_NS (5 * BL_SECOND_NS)

struct serve {
  lua_State *tasks; /* the thread that they run on: a traceback is theirs */
  struct bl_lstate *state;
  struct bl_buf scratch;
  int fds; /* descriptors taken since the collector looked */
};

/* Slots of the stack of `tasks`. */
enum { HANDLER = 1, DO, SHARES, TASK_BASE = SHARES };

/* ---- what a task leaves ---- */

static void end_child(lua_State *L, struct bl_lprocess *p) {
  int64_t deadline_ns = bl_deadline_ns(REAP_NS);
  bl_process_signal(p->process, bl_signal_number("KILL"));
  while (bl_process_join(p->process, deadline_ns) == BL_EINTR);
  bl_lprocess_poll(L, p);
}

/* One whose end is awaited here: not detached, and not older than the
 * tasks. */
static struct bl_lprocess *next_child(const struct bl_lstate *s) {
  struct bl_lprocess *p = s->children;
  if (!p) return NULL;
  do {
    if (!p->kept && p->joined_at_exit) return p;
    p = p->next;
  } while (p != s->children);
  return NULL;
}

static int end_children(lua_State *L) {
  struct bl_lprocess *p;
  while ((p = next_child(bl_lstate(L))) != NULL) {
    end_child(L, p);
    p->kept = 1; /* should it still be there */
  }
  return 0;
}

static void keep_children(const struct bl_lstate *s) {
  struct bl_lprocess *p = s->children;
  if (!p) return;
  do p->kept = 1;
  while ((p = p->next) != s->children);
}

/* Unless the user wants no collector. */
static void collect(struct serve *s) {
  if (!lua_gc(s->tasks, LUA_GCISRUNNING)) return;
  s->fds = 0;
  lua_gc(s->tasks, LUA_GCCOLLECT);
}

static void clean_up(struct serve *s, int fds) {
  lua_State *L = s->tasks;
  if (next_child(s->state)) {
    lua_pushcfunction(L, end_children);
    lua_pcall(L, 0, 0, 0);
  }
  lua_settop(L, TASK_BASE);
  s->fds += fds;
  if (s->fds >= FDS_MAX) collect(s);
  if (s->scratch.size > KEPT_MAX) bl_buf_reset(&s->scratch);
  else bl_buf_cut(&s->scratch, 0);
}

/* ---- what runtime/worker.h calls ---- */

/* The error is on top. */
static int reply_error(lua_State *L, struct bl_buf *reply) {
  bl_buf_cut(reply, 0);
  bl_lreport_write(L, reply);
  return BL_LTASK_ERROR;
}

static int run(void *arg, const struct bl_worker_task *t,
               struct bl_buf *reply) {
  struct serve *s = arg;
  lua_State *L = s->tasks;
  struct bl_lwork work = {.task = t, .reply = reply, .scratch = &s->scratch};
  lua_pushvalue(L, DO);
  lua_pushlightuserdata(L, &work);
  int status = lua_pcall(L, 1, 0, HANDLER);
  bl_linterrupt_leave(L); /* where it raised */
  if (status != LUA_OK) work.status = reply_error(L, reply);
  clean_up(s, work.fds);
  /* it was taken, in the task: now this process is to end */
  if (bl_limit_requested()) bl_interrupt_set(BL_INTERRUPT_TERMINATE);
  return work.status;
}

/* shares index bytes size */
static int keep_share(lua_State *L) {
  const char *bytes = lua_touserdata(L, 3);
  if (bytes) lua_pushlstring(L, bytes, (size_t)lua_tointeger(L, 4));
  else lua_pushnil(L);
  lua_rawseti(L, 1, lua_tointeger(L, 2));
  return 0;
}

/* One that could not be kept is missed by the task that refers to it. */
static void share(void *arg, unsigned index, const char *bytes, size_t size) {
  lua_State *L = ((struct serve *)arg)->tasks;
  lua_pushcfunction(L, keep_share);
  lua_pushvalue(L, SHARES);
  lua_pushinteger(L, (lua_Integer)index);
  lua_pushlightuserdata(L, (void *)(uintptr_t)bytes);
  lua_pushinteger(L, (lua_Integer)size);
  lua_pcall(L, 4, 0, 0);
  lua_settop(L, TASK_BASE);
}

static void shrink(void *arg) { collect(arg); }

/* ---- for Lua ---- */

/* Pushes the thread. */
static lua_State *new_thread(lua_State *L) {
  lua_State *tasks = lua_newthread(L);
  luaL_checkstack(tasks, LUA_MINSTACK, NULL);
  lua_pushcfunction(tasks, bl_lreport_describe);
  lua_newtable(tasks);
  lua_pushvalue(tasks, -1);
  lua_pushcclosure(tasks, bl_lwork_do, 1);
  lua_insert(tasks, DO); /* handler do shares */
  return tasks;
}

static int outcome(lua_State *L, int r, const char *what) {
  struct bl_lblock b = bl_lblock_begin(L);
  if (bl_interrupt_is(r)) bl_lblock_again(L, &b, r);
  else if (r < 0 && r != BL_ECLOSED) return bl_lerror_return(L, r, what);
  lua_pushboolean(L, 1);
  return 1;
}

static int pool_serve(lua_State *L) {
  struct bl_link *link = bl_llink_check(L, 1, BL_LLINK_WORKER, "pool_serve");
  lua_Integer max = luaL_optinteger(L, 2, 0);
  struct serve s = {.tasks = new_thread(L), .state = bl_lstate(L)};
  struct bl_worker_work work = {&s, run, share, max, shrink};
  keep_children(s.state);
  bl_linterrupt_leave(L);
  int r = bl_worker_up(link, 0, NULL, 0);
  if (r == 0) r = bl_worker_serve(link, &work);
  bl_buf_reset(&s.scratch);
  bl_linterrupt_enter(L);
  return outcome(L, r, "pool_serve");
}

static int pool_failed(lua_State *L) {
  struct bl_link *link = bl_llink_check(L, 1, BL_LLINK_WORKER, "pool_failed");
  struct bl_buf out = {0};
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  int r = bl_lreport_write(L, &out);
  if (r == 0)
    r = bl_worker_up(link, 1, bl_buf_front(&out), bl_buf_length(&out));
  bl_buf_reset(&out);
  return outcome(L, r, "pool_failed");
}

void bl_lserve_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"pool_serve", pool_serve},
                                       {"pool_failed", pool_failed},
                                       {"pool_describe", bl_lreport_describe},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
