/* SPDX-License-Identifier: MIT */
#include "bindings/levent.h"

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/lobject.h"
#include "bindings/lopt.h"
#include "bindings/lpoller.h"
#include "bindings/lshared.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/bell.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/poll.h"
#include "runtime/semaphore.h"

struct levent {
  const struct bl_lclass *class;
  int fd; /* BL_FD_NONE: closed */
};

static const struct bl_lclass event = {"Event", "billiard.Event",
                                       sizeof(struct levent)};
static const struct bl_lclass semaphore = {"Semaphore", "billiard.Semaphore",
                                           sizeof(struct levent)};

static struct levent *check(lua_State *L, int index) {
  struct levent *e = bl_lclass_test(L, index, &event);
  if (!e) e = bl_lclass_test(L, index, &semaphore);
  return e ? e : bl_lclass_check(L, index, &event);
}

/* The descriptor of the open one at index 1; what names the call. */
static int open_fd(lua_State *L, const char *what) {
  struct levent *e = check(L, 1);
  if (e->fd == BL_FD_NONE)
    luaL_error(L, "%s: %s is closed", what, e->class->name);
  return e->fd;
}

static int push_true(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- waiting: object poller ---- */

enum { SET = 2 };

static int begin(lua_State *L, const struct bl_lcall *call,
                 int64_t deadline_ns) {
  lua_settop(L, 1);
  lua_pushnil(L);
  return bl_lwaiter_call(L, call, deadline_ns);
}

/* A descriptor for each call: many coroutines wait for one object, and libuv
 * knows a descriptor once. */
static int object(lua_State *L) {
  static const struct bl_lasker asker = {"waiter", 0};
  int r = 0;
  if (lua_isnil(L, SET)) {
    r = bl_lpoller_new(L);
    if (r < 0) return r;
    lua_replace(L, SET);
    r = bl_lpoller_add(L, SET, 1, asker);
  }
  lua_pushvalue(L, SET);
  return r;
}

static int done(lua_State *L, int r, const char *what) {
  if (!lua_isnil(L, SET)) bl_lpoller_close(L, SET);
  if (r >= 0) return push_true(L);
  return bl_lerror_return(L, r == BL_EINTR ? BL_ETIMEOUT : r, what);
}

/* ---- Event ---- */

static int event_set(lua_State *L) {
  bl_bell_ring(open_fd(L, "set"));
  return push_true(L);
}

static int event_clear(lua_State *L) {
  bl_bell_clear(open_fd(L, "clear"));
  return push_true(L);
}

static int event_is_set(lua_State *L) {
  lua_pushboolean(L, bl_poll_one(open_fd(L, "is_set"), POLLIN, 0) > 0);
  return 1;
}

static int wait_look(lua_State *L, int64_t until_ns) {
  int r = bl_poll_one(open_fd(L, "wait"), POLLIN, until_ns);
  return r == 0 ? BL_ETIMEOUT : r;
}

static int wait_done(lua_State *L, int r) { return done(L, r, "wait"); }

static int event_wait(lua_State *L) {
  static const struct bl_lcall call = {wait_look, object, wait_done};
  open_fd(L, "wait");
  return begin(L, &call, bl_lopt_deadline(L, 2));
}

/* ---- Semaphore ---- */

static int acquire_look(lua_State *L, int64_t until_ns) {
  return bl_semaphore_take(open_fd(L, "acquire"), until_ns);
}

static int acquire_done(lua_State *L, int r) { return done(L, r, "acquire"); }

static int semaphore_acquire(lua_State *L) {
  static const struct bl_lcall call = {acquire_look, object, acquire_done};
  int fd = open_fd(L, "acquire");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  if (bl_semaphore_try(fd) == 0) return push_true(L);
  return begin(L, &call, deadline_ns);
}

static int semaphore_release(lua_State *L) {
  int r = bl_semaphore_give(open_fd(L, "release"));
  return r < 0 ? bl_lerror_return(L, r, "release") : push_true(L);
}

static int semaphore_value(lua_State *L) {
  int64_t n = bl_semaphore_value(open_fd(L, "value"));
  if (n < 0) return bl_lerror_return(L, (int)n, "value");
  lua_pushinteger(L, n);
  return 1;
}

/* ---- both, in other loops ---- */

static int push_fd(lua_State *L, const char *what) {
  lua_pushinteger(L, open_fd(L, what));
  return 1;
}

static int event_fileno(lua_State *L) { return push_fd(L, "fileno"); }
static int event_pollfd(lua_State *L) { return push_fd(L, "pollfd"); }
static int event_getfd(lua_State *L) { return push_fd(L, "getfd"); }

static int event_events(lua_State *L) {
  open_fd(L, "events");
  lua_pushliteral(L, "r");
  return 1;
}

/* Nothing is ever due. */
static int event_timeout(lua_State *L) {
  open_fd(L, "timeout");
  return 0;
}

static int event_dirty(lua_State *L) {
  lua_pushboolean(L, bl_poll_one(open_fd(L, "dirty"), POLLIN, 0) > 0);
  return 1;
}

/* ---- the objects ---- */

static int event_close(lua_State *L) {
  struct levent *e = check(L, 1);
  e->fd = bl_fd_close(e->fd);
  return 0;
}

static int event_tostring(lua_State *L) {
  struct levent *e = check(L, 1);
  const char *name = e->class->name;
  if (e->fd == BL_FD_NONE) lua_pushfstring(L, "<%s(closed)>", name);
  else if (e->class == &semaphore)
    lua_pushfstring(L, "<%s(%I)>", name,
                    (LUAI_UACINT)bl_semaphore_value(e->fd));
  else
    lua_pushfstring(L, "<%s(%s)>", name,
                    bl_poll_one(e->fd, POLLIN, 0) > 0 ? "set" : "unset");
  return 1;
}

/* The userdata is on top. */
static int opened(lua_State *L, struct levent *e, int fd) {
  if (fd < 0) return bl_lerror_return(L, fd, e->class->name);
  e->fd = fd;
  return 1;
}

static struct levent *new(lua_State *L, const struct bl_lclass *class) {
  struct levent *e = bl_lclass_new(L, class, 0);
  e->fd = BL_FD_NONE;
  return e;
}

/* ---- how they travel ---- */

static int give(struct bl_lwriter *w, int *fds) {
  struct levent *e = lua_touserdata(w->L, -1);
  return bl_lshared_give(w, e->class, e->fd, fds);
}

static void take(struct bl_lreader *r, int *fds,
                 const struct bl_lclass *class) {
  bl_lshared_nothing(r);
  struct levent *e = new(r->L, class);
  e->fd = fds[0];
  fds[0] = BL_FD_NONE;
}

static void take_event(struct bl_lreader *r, int *fds) {
  take(r, fds, &event);
}

static void take_semaphore(struct bl_lreader *r, int *fds) {
  take(r, fds, &semaphore);
}

/* ---- making ---- */

static int new_event(lua_State *L) {
  struct levent *e = new(L, &event);
  return opened(L, e, bl_bell_open());
}

static int new_semaphore(lua_State *L) {
  lua_Integer n = bl_lopt_integer(L, 1, "Semaphore", "n", 0, INT32_MAX);
  struct levent *e = new(L, &semaphore);
  return opened(L, e, bl_semaphore_open((unsigned)n));
}

#define LOOP_METHODS                                                         \
  {"fileno", event_fileno}, {"pollfd", event_pollfd},                        \
      {"getfd", event_getfd}, {"events", event_events},                      \
      {"timeout", event_timeout}, {"dirty", event_dirty},                    \
      {"close", event_close}, {                                              \
    NULL, NULL                                                               \
  }

void bl_levent_open(lua_State *L) {
  static const luaL_Reg event_methods[] = {{"set", event_set},
                                           {"clear", event_clear},
                                           {"is_set", event_is_set},
                                           {"wait", event_wait},
                                           LOOP_METHODS};
  static const luaL_Reg semaphore_methods[] = {{"acquire", semaphore_acquire},
                                               {"release", semaphore_release},
                                               {"value", semaphore_value},
                                               LOOP_METHODS};
  static const luaL_Reg metamethods[] = {{"__tostring", event_tostring},
                                         {"__gc", event_close},
                                         {"__close", event_close},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type event_type = {"billiard.Event", 1, 0,
                                                    give, take_event};
  static const struct bl_lhandle_type semaphore_type = {
      "billiard.Semaphore", 1, 0, give, take_semaphore};
  bl_lclass_open(L, &event, event_methods, metamethods, &event_type);
  bl_lclass_open(L, &semaphore, semaphore_methods, metamethods,
                 &semaphore_type);
  lua_pushcfunction(L, new_event);
  lua_setfield(L, -2, "Event");
  lua_pushcfunction(L, new_semaphore);
  lua_setfield(L, -2, "Semaphore");
}
