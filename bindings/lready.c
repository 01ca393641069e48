/* SPDX-License-Identifier: MIT */
/* A Lua target calls billiard.ready(text): the text stands on the board, the
 * bell is rung. A program writes a line to its ready fd, as s6 has it, or
 * notifies a socket, as systemd has it. */
#include "bindings/lready.h"

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lpoller.h"
#include "bindings/lprocess.h"
#include "bindings/lstate.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/poller.h"

/* 1 ready, 0 not yet, or an error: BL_ESTART: it ended without. */
static int has_spoken(struct bl_lprocess *p) {
  const char *text;
  size_t size;
  if (p->command) return bl_process_ready(p->process);
  return bl_process_text(p->process, BL_TEXT_READY, &text, &size);
}

static int state_of(lua_State *L, struct bl_lprocess *p) {
  int r = has_spoken(p);
  if (r != 0) return r;
  r = bl_lprocess_poll(L, p);
  if (r <= 0) return r;
  r = has_spoken(p); /* it may have done so since, with its last breath */
  return r != 0 ? r : BL_ESTART;
}

/* ---- wait_ready: process timeout poller ---- */

enum { SET = 3 };

/* All children ring one bell, and several may be waited for: so nobody clears
 * it, and each set hears each ring once. */
static int add_voice(lua_State *L, struct bl_lprocess *p,
                     struct bl_poller *set) {
  if (p->command)
    return bl_poller_add(set, bl_process_ready_fd(p->process), POLLIN);
  return bl_poller_add(set, bl_lstate(L)->bell, POLLIN | BL_POLLER_EDGE);
}

/* Puts what there is to wait for into SET. */
static int make_set(lua_State *L, struct bl_lprocess *p) {
  if (!lua_isnil(L, SET)) return 0;
  int r = bl_lpoller_new(L);
  if (r < 0) return r;
  lua_replace(L, SET);
  struct bl_poller *set = bl_lpoller_at(L, SET);
  r = bl_poller_add(set, bl_process_fd(p->process), POLLIN);
  return r < 0 ? r : add_voice(L, p, set);
}

static int ready_look(lua_State *L, int64_t until_ns) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "wait_ready");
  for (;;) {
    int r = state_of(L, p);
    if (r == 0) r = make_set(L, p);
    else return r;
    if (r < 0) return r;
    int64_t due = bl_process_due(p->process);
    r = bl_poller_wait(bl_lpoller_at(L, SET), due < until_ns ? due : until_ns);
    if (r <= 0) return r == 0 ? BL_ETIMEOUT : r;
  }
}

/* While the waiter waits somebody may reap the child: as its sentinel the
 * descriptor in SET stays open all the same. */
static int ready_object(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "wait_ready");
  int r = bl_process_sentinel(p->process);
  if (r < 0) return r;
  lua_pushvalue(L, SET);
  return 0;
}

static int ready_done(lua_State *L, int r) {
  const char *text;
  size_t size;
  bl_lpoller_close(L, SET);
  if (r == BL_EINTR) r = BL_ETIMEOUT;
  if (r < 0) return bl_lerror_return(L, r, "wait_ready");
  struct bl_lprocess *p = bl_lprocess_test(L, 1);
  bl_process_text(p->process, BL_TEXT_READY, &text, &size);
  lua_pushboolean(L, 1);
  lua_pushlstring(L, text, size);
  return 2;
}

static int wait_ready(lua_State *L) {
  static const struct bl_lcall call = {ready_look, ready_object, ready_done};
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "wait_ready");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  if (p->command && bl_process_ready_fd(p->process) == BL_FD_NONE)
    return luaL_error(L, "wait_ready: this command has no ready fd: build it "
                         "with ready = { fd = n } or \"systemd\"");
  lua_settop(L, SET);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

/* ---- for loops of ours ---- */

/* Pushes the set of this state that hears the bell; 0 or an error. */
static int push_ear(lua_State *L) {
  bl_lstate_get(L, BL_LEAR);
  if (!lua_isnil(L, -1)) return 0;
  lua_pop(L, 1);
  int r = bl_lpoller_new(L);
  if (r < 0) return r;
  r = bl_poller_add(bl_lpoller_at(L, lua_gettop(L)), bl_lstate(L)->bell,
                    POLLIN | BL_POLLER_EDGE);
  if (r < 0) return r;
  lua_pushvalue(L, -1);
  bl_lstate_set(L, BL_LEAR);
  return 0;
}

/* The descriptor that becomes readable when wait_ready(0) is worth calling.
 * It has forgotten what was before, so wait for it, then call that, then
 * this. */
static int ready_fd(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "ready_fd");
  if (p->command) {
    lua_pushinteger(L, bl_process_ready_fd(p->process));
    return 1;
  }
  int r = push_ear(L);
  if (r < 0) return bl_lerror_return(L, r, "ready_fd");
  struct bl_poller *ear = bl_lpoller_at(L, lua_gettop(L));
  bl_poller_wait(ear, 0);
  lua_pushinteger(L, bl_poller_fd(ear));
  return 1;
}

void bl_lready_open(lua_State *L) {
  lua_pushcfunction(L, ready_fd);
  lua_setfield(L, -2, "ready_fd");
  lua_getfield(L, -1, "Process");
  lua_pushcfunction(L, wait_ready);
  lua_setfield(L, -2, "wait_ready");
  lua_pop(L, 1);
}
