/* SPDX-License-Identifier: MIT */
#include "bindings/lqueue.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lhandle.h"
#include "bindings/linterrupt.h"
#include "bindings/lopt.h"
#include "bindings/lqueue_impl.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/error.h"

const struct bl_lclass bl_lqueue_classes[BL_LQUEUE_KINDS] = {
    [BL_LQUEUE] = {"Queue", "billiard.Queue", sizeof(struct bl_lqueue)},
    [BL_LQUEUE_JOINABLE] = {"JoinableQueue", "billiard.JoinableQueue",
                            sizeof(struct bl_lqueue)},
    [BL_LQUEUE_SIMPLE] = {"SimpleQueue", "billiard.SimpleQueue",
                          sizeof(struct bl_lqueue)}};

static struct bl_lqueue *check(lua_State *L, const char *what) {
  return bl_lqueue_check(L, what);
}

static int push_true(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- what it is like ---- */

static uint64_t size(const struct bl_lqueue *q) {
  return bl_queue_size(q->queue);
}

static int is_full(const struct bl_lqueue *q) {
  uint64_t most = bl_queue_maxsize(q->queue);
  return most > 0 && size(q) >= most;
}

static int queue_qsize(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)size(check(L, "qsize")));
  return 1;
}

static int queue_empty(lua_State *L) {
  lua_pushboolean(L, size(check(L, "empty")) == 0);
  return 1;
}

static int queue_full(lua_State *L) {
  lua_pushboolean(L, is_full(check(L, "full")));
  return 1;
}

static int queue_tostring(lua_State *L) {
  struct bl_lqueue *q = bl_lqueue_self(L);
  const char *name = q->class->name;
  if (!q->queue) {
    lua_pushfstring(L, "<%s(closed)>", name);
    return 1;
  }
  uint64_t most = bl_queue_maxsize(q->queue);
  lua_pushfstring(L, "<%s(%I", name, (LUAI_UACINT)size(q));
  if (most > 0) lua_pushfstring(L, " of %I", (LUAI_UACINT)most);
  else lua_pushliteral(L, "");
  lua_pushstring(L, bl_queue_is_shut(q->queue) ? ", shut down)>" : ")>");
  lua_concat(L, 3);
  return 1;
}

/* ---- what needs a mutex for a moment ---- */

/* Those who hold it go on at once, unless they are stopped: then this one
 * waits for them until the deadline, but for signals that are to be heard. */
static int insist(lua_State *L, int (*f)(struct bl_queue *, int64_t),
                  struct bl_queue *queue, int64_t deadline_ns) {
  int r;
  struct bl_lblock b = bl_lblock_begin(L);
  do {
    r = f(queue, bl_lwaiter_slice(deadline_ns));
    if (r == BL_ETIMEOUT && bl_now_ns() < deadline_ns) r = BL_EINTR;
  } while (bl_lblock_again(L, &b, r));
  return r == BL_EINTR ? BL_ETIMEOUT : r;
}

static int queue_shutdown(lua_State *L) {
  struct bl_lqueue *q = check(L, "shutdown");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  int r = insist(L, bl_queue_shutdown, q->queue, deadline_ns);
  return r < 0 ? bl_lerror_return(L, r, "shutdown") : push_true(L);
}

static int queue_task_done(lua_State *L) {
  struct bl_lqueue *q = check(L, "task_done");
  int r = insist(L, bl_queue_done, q->queue, BL_FOREVER);
  if (strcmp(bl_error_name(r), "ERANGE") == 0)
    return luaL_error(L, "task_done: called more often than get");
  return r < 0 ? bl_lerror_return(L, r, "task_done") : push_true(L);
}

/* ---- in other loops ---- */

static int push_fd(lua_State *L, const char *what) {
  int fd = bl_queue_fd(check(L, what)->queue);
  if (fd < 0) return bl_lerror_return(L, fd, what);
  lua_pushinteger(L, fd);
  return 1;
}

static int queue_fileno(lua_State *L) { return push_fd(L, "fileno"); }
static int queue_pollfd(lua_State *L) { return push_fd(L, "pollfd"); }
static int queue_getfd(lua_State *L) { return push_fd(L, "getfd"); }

static int queue_events(lua_State *L) {
  check(L, "events");
  lua_pushliteral(L, "r");
  return 1;
}

/* Nothing is ever due. */
static int queue_timeout(lua_State *L) {
  check(L, "timeout");
  return 0;
}

static int queue_dirty(lua_State *L) {
  struct bl_lqueue *q = check(L, "dirty");
  lua_pushboolean(L, size(q) > 0 || bl_queue_is_shut(q->queue));
  return 1;
}

/* ---- life ---- */

static int queue_close(lua_State *L) {
  struct bl_lqueue *q = bl_lqueue_self(L);
  q->queue = bl_queue_free(q->queue);
  bl_buf_reset(&q->out);
  bl_buf_reset(&q->in);
  return 0;
}

static lua_Integer maxsize(lua_State *L, enum bl_lqueue_kind kind) {
  if (lua_isnoneornil(L, 1)) return 0;
  return bl_lopt_integer(L, 1, bl_lqueue_classes[kind].name, "maxsize",
                         LUA_MININTEGER, LUA_MAXINTEGER);
}

static int new_queue(lua_State *L, enum bl_lqueue_kind kind,
                     lua_Integer bound) {
  struct bl_lqueue *q = bl_lclass_new(L, &bl_lqueue_classes[kind], 0);
  uint64_t most = bound > 0 ? (uint64_t)bound : 0;
  int r = bl_queue_new(most, kind == BL_LQUEUE_JOINABLE, &q->queue);
  return r < 0 ? bl_lerror_return(L, r, q->class->name) : 1;
}

static int new_plain(lua_State *L) {
  return new_queue(L, BL_LQUEUE, maxsize(L, BL_LQUEUE));
}

static int new_joinable(lua_State *L) {
  return new_queue(L, BL_LQUEUE_JOINABLE, maxsize(L, BL_LQUEUE_JOINABLE));
}

static int new_simple(lua_State *L) {
  if (!lua_isnoneornil(L, 1))
    return luaL_error(L, "SimpleQueue: has no bound: nothing expected");
  return new_queue(L, BL_LQUEUE_SIMPLE, 0);
}

/* ---- as descriptors ---- */

static int give(struct bl_lwriter *w, int *fds) {
  const struct bl_lqueue *q = lua_touserdata(w->L, -1);
  if (!q->queue) return bl_lwriter_refuse(w, "a closed queue");
  int own[BL_QUEUE_FDS], n = bl_queue_fds(q->queue, own);
  for (int i = 0; i < n; i++) fds[i] = own[i];
  return bl_pack_integer(w->out, (int64_t)bl_queue_kind(q->queue));
}

static void take(struct bl_lreader *r, int *fds, enum bl_lqueue_kind kind) {
  struct bl_unpack_item it;
  int n = kind == BL_LQUEUE_JOINABLE ? BL_QUEUE_FDS : BL_QUEUE_FDS - 1;
  bl_lreader_next(r, &it);
  struct bl_lqueue *q = bl_lclass_new(r->L, &bl_lqueue_classes[kind], 0);
  int error = bl_queue_adopt((uint64_t)it.integer, fds, n, &q->queue);
  for (int i = 0; i < n; i++) fds[i] = BL_FD_NONE;
  if (error < 0) luaL_error(r->L, "no %s", q->class->name);
}

static void take_plain(struct bl_lreader *r, int *fds) {
  take(r, fds, BL_LQUEUE);
}

static void take_joinable(struct bl_lreader *r, int *fds) {
  take(r, fds, BL_LQUEUE_JOINABLE);
}

static void take_simple(struct bl_lreader *r, int *fds) {
  take(r, fds, BL_LQUEUE_SIMPLE);
}

static const struct bl_lhandle_type types[BL_LQUEUE_KINDS] = {
    [BL_LQUEUE] = {"billiard.Queue", BL_QUEUE_FDS - 1, 0, give, take_plain},
    [BL_LQUEUE_JOINABLE] = {"billiard.JoinableQueue", BL_QUEUE_FDS, 0, give,
                            take_joinable},
    [BL_LQUEUE_SIMPLE] = {"billiard.SimpleQueue", BL_QUEUE_FDS - 1, 0, give,
                          take_simple}};

/* ---- the classes ---- */

static const luaL_Reg methods[] = {{"put", bl_lqueue_put},
                                   {"get", bl_lqueue_get},
                                   {"empty", queue_empty},
                                   {"shutdown", queue_shutdown},
                                   {"close", queue_close},
                                   {"fileno", queue_fileno},
                                   {"pollfd", queue_pollfd},
                                   {"events", queue_events},
                                   {"timeout", queue_timeout},
                                   {"getfd", queue_getfd},
                                   {"dirty", queue_dirty},
                                   {NULL, NULL}};

/* What a SimpleQueue has not. */
static const luaL_Reg more[] = {{"put_nowait", bl_lqueue_put_nowait},
                                {"get_nowait", bl_lqueue_get_nowait},
                                {"qsize", queue_qsize},
                                {"full", queue_full},
                                {NULL, NULL}};

static const luaL_Reg joining[] = {
    {"task_done", queue_task_done}, {"join", bl_lqueue_join}, {NULL, NULL}};

static void open_class(lua_State *L, enum bl_lqueue_kind kind,
                       lua_CFunction new) {
  static const luaL_Reg metamethods[] = {{"__tostring", queue_tostring},
                                         {"__gc", queue_close},
                                         {"__close", queue_close},
                                         {NULL, NULL}};
  const struct bl_lclass *class = &bl_lqueue_classes[kind];
  bl_lclass_open(L, class, methods, metamethods, &types[kind]);
  luaL_getmetatable(L, class->full);
  lua_getfield(L, -1, "__index"); /* core mt methods */
  if (kind != BL_LQUEUE_SIMPLE) luaL_setfuncs(L, more, 0);
  if (kind == BL_LQUEUE_JOINABLE) luaL_setfuncs(L, joining, 0);
  lua_pop(L, 2);
  lua_pushcfunction(L, new);
  lua_setfield(L, -2, class->name);
}

void bl_lqueue_open(lua_State *L) {
  open_class(L, BL_LQUEUE, new_plain);
  open_class(L, BL_LQUEUE_JOINABLE, new_joinable);
  open_class(L, BL_LQUEUE_SIMPLE, new_simple);
}
