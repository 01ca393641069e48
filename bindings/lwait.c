/* SPDX-License-Identifier: MIT */
#include "bindings/lwait.h"

#include "bindings/lerror.h"
#include "bindings/lobject.h"
#include "bindings/lopt.h"
#include "bindings/lpoller.h"
#include "bindings/lprocess.h"
#include "bindings/lwaiter.h"
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
  return bl_lopt_push_left(L, bl_process_due(p->process));
}

static int process_dirty(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "dirty");
  lua_pushboolean(L, bl_lprocess_poll(L, p) > 0);
  return 1;
}

/* ---- wait: list timeout wait items fds poller ---- */

enum { WAIT = 3, ITEMS, FDS, SET };

struct item {
  struct bl_lprocess *process; /* null: something with a descriptor */
  int ready;
};

struct wait {
  lua_Integer n;
  struct item *items;
  struct pollfd *fds;
  int ready; /* how many are */
  int bad;   /* number of an item that is no descriptor, 0: none */
  int64_t due_ns;
};

static void add_items(lua_State *L, struct wait *w) {
  for (lua_Integer i = 1; i <= w->n; i++) {
    struct bl_lasker asker = {"wait", i};
    struct item *item = &w->items[i - 1];
    struct pollfd *fd = &w->fds[i - 1];
    *item = (struct item){0};
    *fd = (struct pollfd){BL_FD_NONE, POLLIN, 0};
    lua_geti(L, 1, i);
    int at = lua_gettop(L);
    if (bl_lprocess_test(L, at)) {
      item->process = bl_lprocess_child(L, at, "wait");
    } else {
      fd->fd = bl_lobject_fd(L, at, asker);
      if (fd->fd >= 0) fd->events = bl_lobject_events(L, at, asker);
    }
    lua_pop(L, 1);
  }
}

/* Finds the processes that have ended; the others go into the pollfds. */
static int look_at_processes(lua_State *L, struct wait *w) {
  w->ready = w->bad = 0;
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

static void take_fds(struct wait *w) {
  for (lua_Integer i = 0; i < w->n; i++) {
    if (w->items[i].process || w->fds[i].fd < 0) continue;
    if (w->fds[i].revents & POLLNVAL && !w->bad) w->bad = (int)i + 1;
    w->items[i].ready = w->fds[i].revents != 0;
    w->ready += w->items[i].ready;
  }
}

/* The list may have changed, and its objects, since the last look. */
static int wait_look(lua_State *L, int64_t until_ns) {
  struct wait *w = lua_touserdata(L, WAIT);
  add_items(L, w);
  int r = look_at_processes(L, w);
  if (r < 0) return r;
  if (w->ready) until_ns = 0;
  if (w->due_ns < until_ns) until_ns = w->due_ns;
  r = bl_poll(w->fds, (size_t)w->n, until_ns);
  if (r < 0) return r;
  if (r > 0) r = look_at_processes(L, w);
  if (r < 0) return r;
  take_fds(w);
  return w->ready ? 1 : BL_ETIMEOUT;
}

/* The list as one object, for the waiter. */
static int wait_object(lua_State *L) {
  struct wait *w = lua_touserdata(L, WAIT);
  if (!lua_isnil(L, SET)) {
    lua_pushvalue(L, SET);
    return 0;
  }
  int r = bl_lpoller_new(L);
  if (r < 0) return r;
  int set = lua_gettop(L);
  for (lua_Integer i = 1; i <= w->n && r >= 0; i++) {
    struct bl_lasker asker = {"wait", i};
    lua_geti(L, 1, i);
    if (!bl_lpoller_has(L, set, set + 1))
      r = bl_lpoller_add(L, set, set + 1, asker);
    lua_pop(L, 1);
  }
  lua_pushvalue(L, set);
  lua_replace(L, SET);
  return r;
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

static int wait_done(lua_State *L, int r) {
  struct wait *w = lua_touserdata(L, WAIT);
  bl_lpoller_close(L, SET);
  if (r < 0 && r != BL_ETIMEOUT && r != BL_EINTR)
    return bl_lerror_return(L, r, "wait");
  if (r < 0) w->ready = 0;
  if (!w->bad || r < 0) return push_ready(L, w);
  lua_pushnil(L);
  lua_pushfstring(L, "bad file descriptor (wait: item %d)", w->bad);
  lua_pushliteral(L, "EBADF");
  return 3;
}

static int wait_for(lua_State *L) {
  static const struct bl_lcall call = {wait_look, wait_object, wait_done};
  luaL_checktype(L, 1, LUA_TTABLE);
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  lua_Integer n = luaL_len(L, 1);
  lua_settop(L, 2);
  struct wait *w = bl_compat_newuserdata(L, sizeof *w, 0);
  *w = (struct wait){.n = n};
  w->items = bl_compat_newuserdata(L, (size_t)(n + 1) * sizeof *w->items, 0);
  w->fds = bl_compat_newuserdata(L, (size_t)(n + 1) * sizeof *w->fds, 0);
  lua_settop(L, SET);
  return bl_lwaiter_call(L, &call, deadline_ns);
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
