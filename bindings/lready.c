/* SPDX-License-Identifier: MIT */
/* A Lua target calls billiard.ready(text): the text stands on the board, the
 * bell is rung. A program writes a line to its ready fd, as s6 has it, or
 * notifies a socket, as systemd has it. */
#include "bindings/lready.h"

#include "bindings/lerror.h"
#include "bindings/linterrupt.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "bindings/lstate.h"
#include "runtime/base.h"
#include "runtime/bell.h"
#include "runtime/clock.h"
#include "runtime/poll.h"

/* 1 ready, 0 not yet, BL_ESTART: it ended without. Waits for a reason to look
 * again, at most until the deadline. */
static int look_body(lua_State *L, struct bl_lprocess *p, int64_t deadline_ns) {
  const char *text;
  int bell = bl_lstate(L)->bell;
  if (bl_process_text(p->process, BL_TEXT_READY, &text) >= 0) return 1;
  int r = bl_lprocess_poll(L, p);
  if (r != 0) {
    if (r < 0) return r;
    return bl_process_text(p->process, BL_TEXT_READY, &text) >= 0 ? 1
                                                                  : BL_ESTART;
  }
  struct pollfd fds[] = {{bl_process_fd(p->process), POLLIN, 0},
                         {bell, POLLIN, 0}};
  r = bl_poll(fds, 2, deadline_ns);
  if (fds[1].revents & POLLIN) bl_bell_clear(bell);
  return r < 0 ? r : 0;
}

static int look_command(lua_State *L, struct bl_lprocess *p,
                        int64_t deadline_ns) {
  int r = bl_process_ready(p->process);
  if (r != 0) return r;
  r = bl_lprocess_poll(L, p);
  if (r < 0) return r;
  if (r > 0) { /* it may have said so since, with its last breath */
    r = bl_process_ready(p->process);
    return r != 0 ? r : BL_ESTART;
  }
  struct pollfd fds[] = {
      {bl_process_fd(p->process), POLLIN, 0},
      {bl_process_ready_fd(p->process), POLLIN, 0}};
  r = bl_poll(fds, 2, deadline_ns);
  return r < 0 ? r : 0;
}

static int look(lua_State *L, struct bl_lprocess *p, int64_t deadline_ns) {
  int64_t due = bl_process_due(p->process);
  int64_t until = due < deadline_ns ? due : deadline_ns;
  int r = p->command ? look_command(L, p, until) : look_body(L, p, until);
  /* woken for another child, or for a kill that was due */
  return r == 0 && bl_now_ns() < deadline_ns ? BL_EINTR : r;
}

static int wait_ready(lua_State *L) {
  const char *text = "";
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "wait_ready");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  if (p->command && bl_process_ready_fd(p->process) == BL_FD_NONE)
    return luaL_error(L, "wait_ready: this command has no ready fd: build it "
                         "with ready = { fd = n } or \"systemd\"");
  int r;
  struct bl_lblock b = bl_lblock_begin(L);
  do r = look(L, p, deadline_ns);
  while (bl_lblock_again(L, &b, r));
  if (r == 0 || r == BL_EINTR) return bl_lerror_return(L, BL_ETIMEOUT, NULL);
  if (r < 0) return bl_lerror_return(L, r, "wait_ready");
  ssize_t size = bl_process_text(p->process, BL_TEXT_READY, &text);
  lua_pushboolean(L, 1);
  lua_pushlstring(L, text, size > 0 ? (size_t)size : 0);
  return 2;
}

/* For loops: the descriptor that becomes readable when wait_ready(0) is worth
 * calling. It is cleared, so wait for it, then call that, then this. */
static int ready_fd(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "ready_fd");
  int fd = p->command ? bl_process_ready_fd(p->process) : bl_lstate(L)->bell;
  if (!p->command && fd >= 0) bl_bell_clear(fd);
  if (fd < 0) return bl_lerror_return(L, BL_ECLOSED, NULL);
  lua_pushinteger(L, fd);
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
