/* SPDX-License-Identifier: MIT */
#include "bindings/lstart.h"

#include "bindings/lchild.h"
#include "bindings/lerror.h"
#include "bindings/lexit.h"
#include "bindings/lfailure.h"
#include "bindings/lprocess.h"
#include "bindings/lremote.h"
#include "bindings/lspec.h"
#include "bindings/lstate.h"
#include "bindings/lstream.h"
#include "runtime/bell.h"
#include "runtime/error.h"

/* Before the start, so that it cannot fail afterwards. */
static void anchor(lua_State *L, struct bl_lprocess *p) {
  bl_lstate_table(L, BL_LCHILDREN);
  lua_pushvalue(L, 1);
  lua_rawsetp(L, -2, p);
  lua_pop(L, 1);
}

static void enlist(struct bl_lprocess **ring, struct bl_lprocess *p) {
  if (!*ring) {
    *ring = p->next = p->previous = p;
    return;
  }
  p->next = *ring;
  p->previous = (*ring)->previous;
  p->previous->next = p->next->previous = p;
}

/* Programs that start and never join must not gather zombies: each start
 * looks at two, so that its cost does not grow with their number. */
static void reap_some(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  for (int i = 0; i < 2 && s->children; i++) {
    struct bl_lprocess *p = s->children;
    s->children = p->next;
    bl_lprocess_poll(L, p);
  }
}

static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

/* Closed Streams for the pipes of the plan, made while nothing can be lost. */
static void new_streams(lua_State *L, const struct bl_plan *plan) {
  lua_pushnil(L);
  for (int i = 0; i < 3; i++) {
    if (plan->stdio[i].kind != BL_STDIO_PIPE) continue;
    if (lua_isnil(L, -1)) lua_createtable(L, 0, 3);
    bl_lstream_new(L);
    lua_setfield(L, -2, stream_names[i]);
  }
  bl_compat_setvalue(L, 1, BL_LUV_STREAMS);
}

static void open_streams(lua_State *L, struct bl_process *process) {
  bl_compat_getvalue(L, 1, BL_LUV_STREAMS);
  for (int i = 0; i < 3 && lua_istable(L, -1); i++) {
    if (lua_getfield(L, -1, stream_names[i]) != LUA_TNIL)
      bl_lstream_give(L, -1, bl_process_take_stdio(process, i));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int bell_of(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  if (s->bell == BL_FD_NONE) s->bell = bl_bell_open();
  if (s->bell < 0) s->bell = BL_FD_NONE;
  return s->bell < 0 ? 0 : s->bell;
}

/* 0, or what bl_lremote_plan() returns. */
static int complete_plan(lua_State *L, struct bl_lprocess *p,
                         struct bl_plan *plan, struct bl_lchild *child) {
  plan->daemon = p->daemon;
  if (p->command) return 0;
  plan->bell = bell_of(L);
  if (plan->method != BL_METHOD_FORK) return bl_lremote_plan(L, plan);
  child->self = p;
  bl_lchild_prepare(L, child);
  plan->body = bl_lchild_body;
  plan->leave = bl_lchild_leave;
  plan->arg = child;
  return 0;
}

/* What only the child needs; the parent lets go of it. */
static void forget_target(lua_State *L) {
  static const char *const keys[] = {"target", "args", "kwargs"};
  bl_compat_getvalue(L, 1, BL_LUV_SPEC);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, keys[i]);
  }
  lua_pop(L, 1);
}

/* What the zygote said, or what is wrong with the program that was to be one or
 * a child: pushes a sentence; 0: nothing special. */
static int push_problem(lua_State *L, const struct bl_process *process,
                        const struct bl_plan *plan, int r,
                        enum bl_step step) {
  const char *problem = bl_process_problem(process);
  if (problem)
    lua_pushfstring(L, "%s (%s)", problem, bl_step_text(step));
  else if (plan->cargo && step == BL_STEP_EXEC)
    lua_pushfstring(L, "%s: %s (%s)", plan->argv[0], bl_error_text(r),
                    bl_step_text(step));
  else if (r == BL_ESTART && step == BL_STEP_ZYGOTE)
    lua_pushfstring(L, "%s ended without answering" BL_LFAILURE_NO_HOST " (%s)",
                    plan->argv[0], bl_step_text(step));
  else
    return 0;
  return 1;
}

static int failed_start(lua_State *L, struct bl_lprocess *p,
                        const struct bl_plan *plan, int r,
                        enum bl_step step) {
  int told = push_problem(L, p->process, plan, r, step);
  p->process = bl_process_free(p->process);
  bl_lprocess_unanchor(L, p);
  if (told) {
    bl_lerror_return(L, r, NULL); /* ours nil sentence code */
    lua_pushvalue(L, -4);
    lua_replace(L, -3);
    return 3;
  }
  if (r != BL_EREFUSED) return bl_lerror_return(L, r, bl_step_text(step));
  lua_pushnil(L);
  lua_pushliteral(L,
                  "this process has other threads, whose locks a forked child "
                  "would inherit held: start it by \"forkserver\" or "
                  "\"spawn\", start it before the threads, run a command "
                  "instead, or pass allow_threads = true (start: threads)");
  lua_pushliteral(L, "refused");
  return 3;
}

static int process_start(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_check(L, 1, "start");
  if (p->stage != BL_LSTAGE_INITIAL)
    return luaL_error(L, "start: a Process cannot be started twice");
  if (bl_lstate(L)->loading) /* its child would load the module, and start, */
    return luaL_error(L, "start: a module that is loaded for a child must not "
                         "start processes itself: do it in a function");
  lua_settop(L, 1);
  struct bl_plan plan = {0};
  struct bl_lchild child = {0};
  enum bl_step step;
  bl_compat_getvalue(L, 1, BL_LUV_SPEC); /* self spec */
  bl_lspec_plan(L, 2, &plan);            /* self spec ...what plan needs */
  int n = complete_plan(L, p, &plan, &child);
  if (n > 0) return n;
  new_streams(L, &plan);
  reap_some(L);
  bl_lprocess_relieve(L);
  bl_lexit_expect(L);
  anchor(L, p);
  p->process = bl_process_new();
  if (!p->process) return luaL_error(L, "not enough memory");
  int r = bl_process_start(p->process, &plan, &step);
  bl_lchild_forget(&child);
  bl_lremote_forget(&plan);
  if (r < 0) return failed_start(L, p, &plan, r, step);
  p->stage = BL_LSTAGE_STARTED;
  enlist(&bl_lstate(L)->children, p);
  open_streams(L, p->process);
  forget_target(L);
  lua_settop(L, 1);
  return 1;
}

void bl_lstart_open(lua_State *L) {
  lua_getfield(L, -1, "Process");
  lua_pushcfunction(L, process_start);
  lua_setfield(L, -2, "start");
  lua_pop(L, 1);
}
