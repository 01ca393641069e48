/* SPDX-License-Identifier: MIT */
#include "bindings/lwait.h"

#include <limits.h>
#include <string.h>

#include "bindings/lerror.h"
#include "bindings/linterrupt.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/poll.h"
#include "runtime/process.h"

/* ---- a Process in a loop of somebody else's ---- */

static int push_sentinel(lua_State *L, const char *what) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, what);
  int fd = bl_process_sentinel(p->process);
  if (fd < 0) return bl_lerror_return(L, fd, what);
  lua_pushinteger(L, fd);
  return 1;
}

static int process_fileno(lua_State *L) { return push_sentinel(L, "fileno"); }
static int process_pollfd(lua_State *L) { return push_sentinel(L, "pollfd"); }
static int process_getfd(lua_State *L) { return push_sentinel(L, "getfd"); }

static int process_events(lua_State *L) {
  bl_lprocess_check(L, 1, "events");
  lua_pushliteral(L, "r");
  return 1;
}

/* Seconds until the handle must be looked at again, nil for never. */
static int process_timeout(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "timeout");
  int64_t due = bl_process_due(p->process);
  if (due == BL_FOREVER) return 0;
  int64_t left = due - bl_now_ns();
  lua_pushnumber(L, (lua_Number)(left > 0 ? left : 0) /
                        (lua_Number)BL_SECOND_NS);
  return 1;
}

static int process_dirty(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "dirty");
  lua_pushboolean(L, bl_lprocess_poll(L, p) > 0);
  return 1;
}

/* ---- wait ---- */

struct item {
  struct bl_lprocess *process; /* null: something with a descriptor */
  int ready;
};

struct wait {
  lua_Integer n;
  struct item *items;
  struct pollfd *fds;
  int ready; /* how many are */
  int64_t due_ns;
};

/* Calls method name of the value at index, item i, if it has one; pushes its
 * result and returns 1. */
static int call_method(lua_State *L, int index, lua_Integer i,
                       const char *name) {
  if (lua_getfield(L, index, name) != LUA_TFUNCTION) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pushvalue(L, index);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return 1;
  if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
  return luaL_error(L, "wait: item %d: %s", (int)i, lua_tostring(L, -1));
}

static short events_of(lua_State *L, int index, lua_Integer i) {
  short events = POLLIN;
  if (!call_method(L, index, i, "events")) return events;
  const char *s = lua_tostring(L, -1);
  if (s)
    events = (short)((strchr(s, 'r') ? POLLIN : 0) |
                     (strchr(s, 'w') ? POLLOUT : 0));
  lua_pop(L, 1);
  return events;
}

/* Takes the number on top for a descriptor; LuaSocket has them as floats. */
static int to_fd(lua_State *L) {
  int exact = lua_type(L, -1) == LUA_TNUMBER;
  lua_Integer n = exact ? lua_tointegerx(L, -1, &exact) : 0;
  return exact && n >= 0 && n <= INT_MAX ? (int)n : BL_FD_NONE;
}

/* The descriptor behind the value at index, BL_FD_NONE for something that has
 * none now; raises for what cannot be waited for. */
static int foreign_fd(lua_State *L, int index, lua_Integer i) {
  static const char *const methods[] = {"pollfd", "getfd", "fileno"};
  int type = lua_type(L, index);
  if (type == LUA_TUSERDATA || type == LUA_TTABLE)
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
      if (!call_method(L, index, i, methods[m])) continue;
      int fd = to_fd(L);
      lua_pop(L, 1);
      return fd;
    }
  return luaL_error(L,
                    "wait: item %d must be a Process, a Stream, an fd, or "
                    "have pollfd, getfd or fileno; got %s",
                    (int)i, luaL_typename(L, index));
}

static void add_fd(lua_State *L, struct wait *w, lua_Integer i) {
  int fd;
  short events = POLLIN;
  if (lua_type(L, -1) == LUA_TNUMBER) {
    fd = to_fd(L);
    if (fd == BL_FD_NONE)
      luaL_error(L, "wait: item %d is not a file descriptor", (int)i);
  } else {
    int index = lua_gettop(L);
    fd = foreign_fd(L, index, i);
    if (fd >= 0) events = events_of(L, index, i);
  }
  w->fds[i - 1] = (struct pollfd){fd, events, 0};
}

static void add_items(lua_State *L, struct wait *w) {
  for (lua_Integer i = 1; i <= w->n; i++) {
    lua_geti(L, 1, i);
    struct item *item = &w->items[i - 1];
    *item = (struct item){0};
    if (bl_lprocess_test(L, -1)) item->process = bl_lprocess_child(L, -1, "wait");
    else add_fd(L, w, i);
    lua_pop(L, 1);
  }
}

/* Finds the processes that have ended; the others go into the pollfds. */
static int look_at_processes(lua_State *L, struct wait *w) {
  w->ready = 0;
  w->due_ns = BL_FOREVER;
  for (lua_Integer i = 0; i < w->n; i++) {
    struct bl_lprocess *p = w->items[i].process;
    if (!p) continue;
    int r = bl_lprocess_poll(L, p);
    if (r < 0) return r;
    w->items[i].ready = r;
    w->ready += r;
    w->fds[i] = (struct pollfd){bl_process_fd(p->process), POLLIN, 0};
    if (r) w->fds[i].fd = BL_FD_NONE;
    int64_t due = bl_process_due(p->process);
    if (due < w->due_ns) w->due_ns = due;
  }
  return 0;
}

static int take_fds(struct wait *w) {
  for (lua_Integer i = 0; i < w->n; i++) {
    if (w->items[i].process || w->fds[i].fd < 0) continue;
    if (w->fds[i].revents & POLLNVAL) return (int)i + 1;
    w->items[i].ready = w->fds[i].revents != 0;
    w->ready += w->items[i].ready;
  }
  return 0;
}

static int push_ready(lua_State *L, const struct wait *w) {
  lua_Integer n = 0;
  lua_createtable(L, w->ready, 0);
  for (lua_Integer i = 0; i < w->n; i++)
    if (w->items[i].ready) {
      lua_geti(L, 1, i + 1);
      lua_rawseti(L, -2, ++n);
    }
  return 1;
}

static int bad_fd(lua_State *L, int item) {
  lua_pushnil(L);
  lua_pushfstring(L, "bad file descriptor (wait: item %d)", item);
  lua_pushliteral(L, "EBADF");
  return 3;
}

/* One look: > 0 something is ready, 0 nothing, < 0 error or interrupt, and
 * *bad the number of an item that is no descriptor. */
static int look(lua_State *L, struct wait *w, int64_t deadline_ns, int *bad) {
  int r = look_at_processes(L, w);
  if (r < 0) return r;
  int64_t until = w->ready ? 0 : deadline_ns;
  if (w->due_ns < until) until = w->due_ns;
  r = bl_poll(w->fds, (size_t)w->n, until);
  if (r < 0) return r;
  if (r > 0) r = look_at_processes(L, w);
  if (r < 0) return r;
  *bad = take_fds(w);
  return w->ready;
}

static int wait_for(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  struct wait w = {.n = luaL_len(L, 1)};
  lua_settop(L, 2);
  w.items = bl_compat_newuserdata(L, (size_t)(w.n + 1) * sizeof *w.items, 0);
  w.fds = bl_compat_newuserdata(L, (size_t)(w.n + 1) * sizeof *w.fds, 0);
  add_items(L, &w);
  int r, bad = 0;
  struct bl_lblock b = bl_lblock_begin(L);
  do {
    r = look(L, &w, deadline_ns, &bad);
    if (bad) return bad_fd(L, bad);
    if (r == 0 && bl_now_ns() < deadline_ns) r = BL_EINTR; /* a kill was due */
  } while (bl_lblock_again(L, &b, r));
  if (r < 0 && r != BL_EINTR) return bl_lerror_return(L, r, "wait");
  return push_ready(L, &w);
}

void bl_lwait_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"fileno", process_fileno}, {"pollfd", process_pollfd},
      {"events", process_events}, {"timeout", process_timeout},
      {"getfd", process_getfd},   {"dirty", process_dirty},
      {NULL, NULL}};
  lua_pushcfunction(L, wait_for);
  lua_setfield(L, -2, "wait");
  lua_getfield(L, -1, "Process");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
