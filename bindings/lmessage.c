/* SPDX-License-Identifier: MIT */
/* The calls on a queue that may wait: put, get, join. Each is tried without a
 * wait first, which needs none of the apparatus of one. */
#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lpoller.h"
#include "bindings/lqueue_impl.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/interrupt.h"

enum { KEPT_MAX = 1 << 20 }; /* a larger buffer is not kept */

/* Slots of the stack while one waits. TAIL: what follows WHAT as it lies. */
enum { QUEUE = 1, WHAT, TAIL, SET };

/* A buffer is the call's own while Lua code may run, which may use the queue
   itself; nothing that may raise is called meanwhile. */
static struct bl_buf borrow(struct bl_buf *kept) {
  struct bl_buf b = *kept;
  *kept = (struct bl_buf){0};
  return b;
}

static void give_back(struct bl_buf *kept, const struct bl_buf *b) {
  bl_buf_reset(kept);
  *kept = *b;
}

static void empty(struct bl_buf *kept) {
  if (kept->size > KEPT_MAX) bl_buf_reset(kept);
  else bl_buf_cut(kept, 0);
}

/* What a waiter waits for. A descriptor for each call: many coroutines wait
 * for one queue, and libuv knows a descriptor once. */
static int object(lua_State *L, int fd) {
  int r = fd;
  if (r >= 0 && lua_isnil(L, SET)) {
    r = bl_lpoller_new(L);
    if (r < 0) return r;
    lua_replace(L, SET);
    r = bl_poller_add(bl_lpoller_at(L, SET), fd, POLLIN);
  }
  lua_pushvalue(L, SET);
  return r < 0 ? r : 0;
}

/* How a wait has ended, where `none` says that it was for nothing. */
static int outcome(lua_State *L, int r, int none, const char *what) {
  bl_lpoller_close(L, SET);
  if (r == BL_ETIMEOUT || r == BL_EINTR) r = none;
  return r < 0 ? bl_lerror_return(L, r, what) : 0;
}

static int push_true(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

/* Was there an outcome at once, or no time for another? */
static int is_over(int r, int64_t deadline_ns) {
  return r != BL_EINTR && !bl_interrupt_is(r) &&
         (r != BL_ETIMEOUT || bl_now_ns() >= deadline_ns);
}

/* Waits, with what is on top for WHAT. */
static int block(lua_State *L, const struct bl_lcall *call,
                 int64_t deadline_ns) {
  lua_replace(L, WHAT);
  lua_settop(L, SET);
  return bl_lwaiter_call(L, call, deadline_ns);
}

/* ---- put: queue bytes tail set ---- */

static int put_parts(lua_State *L, struct bl_queue *queue, const char *head,
                     size_t n, int64_t until_ns) {
  struct iovec parts[2] = {{(void *)(uintptr_t)head, n}};
  size_t size = 0;
  parts[1].iov_base = (void *)(uintptr_t)lua_tolstring(L, TAIL, &size);
  parts[1].iov_len = size;
  return bl_queue_put(queue, parts, 2, until_ns);
}

static int put_look(lua_State *L, int64_t until_ns) {
  size_t n;
  const char *head = lua_tolstring(L, WHAT, &n);
  struct bl_lqueue *q = bl_lqueue_check(L, "put");
  return put_parts(L, q->queue, head, n, until_ns);
}

static int put_object(lua_State *L) {
  return object(L, bl_queue_room_fd(bl_lqueue_check(L, "put")->queue));
}

static int put_done(lua_State *L, int r) {
  int n = outcome(L, r, BL_EFULL, "put");
  return n > 0 ? n : push_true(L);
}

/* Packs the value at WHAT into q->out, which is empty. */
static void pack(lua_State *L, struct bl_lqueue *q) {
  struct bl_buf bytes = borrow(&q->out);
  int r = bl_lcodec_pack(L, WHAT, BL_PROFILE_UP, "value", &bytes);
  give_back(&q->out, &bytes);
  if (r == 0) return;
  empty(&q->out);
  lua_error(L);
}

static int put(lua_State *L, int64_t deadline_ns) {
  static const struct bl_lcall call = {put_look, put_object, put_done};
  luaL_checkany(L, WHAT);
  lua_settop(L, TAIL);
  struct bl_lqueue *q = bl_lqueue_check(L, "put");
  bl_buf_cut(&q->out, 0);
  int is_long = bl_lcodec_head(L, WHAT, &q->out);
  if (!is_long) pack(L, q);
  if (is_long) lua_pushvalue(L, WHAT);
  else lua_pushnil(L);
  lua_replace(L, TAIL); /* queue value tail */
  bl_lqueue_check(L, "put"); /* a __pack may have closed it */
  const char *head = bl_buf_front(&q->out);
  size_t n = bl_buf_length(&q->out);
  int r = put_parts(L, q->queue, head, n, 0);
  int over = is_over(r, deadline_ns);
  if (!over) lua_pushlstring(L, head, n);
  empty(&q->out);
  return over ? put_done(L, r) : block(L, &call, deadline_ns);
}

int bl_lqueue_put(lua_State *L) {
  bl_lqueue_check(L, "put");
  return put(L, bl_lopt_deadline(L, 3));
}

int bl_lqueue_put_nowait(lua_State *L) {
  bl_lqueue_check(L, "put_nowait");
  return put(L, 0);
}

/* ---- get: queue nil nil set ---- */

static int get_look(lua_State *L, int64_t until_ns) {
  struct bl_lqueue *q = bl_lqueue_check(L, "get");
  bl_buf_cut(&q->in, 0);
  return bl_queue_get(q->queue, &q->in, until_ns);
}

static int get_object(lua_State *L) {
  return object(L, bl_queue_fd(bl_lqueue_check(L, "get")->queue));
}

/* The message is in q->in. */
static int get_done(lua_State *L, int r) {
  int n = outcome(L, r, BL_EEMPTY, "get");
  if (n > 0) return n;
  struct bl_lqueue *q = bl_lqueue_self(L);
  struct bl_buf bytes = borrow(&q->in);
  struct bl_lreceived m = {bl_buf_front(&bytes), bl_buf_length(&bytes), NULL,
                           0};
  n = bl_lcodec_take(L, &m, BL_PROFILE_UP);
  give_back(&q->in, &bytes);
  empty(&q->in);
  return n < 0 ? lua_error(L) : n;
}

static int get(lua_State *L, int64_t deadline_ns) {
  static const struct bl_lcall call = {get_look, get_object, get_done};
  lua_settop(L, QUEUE);
  int r = get_look(L, 0);
  if (is_over(r, deadline_ns)) return get_done(L, r);
  lua_settop(L, SET);
  lua_pushnil(L);
  return block(L, &call, deadline_ns);
}

int bl_lqueue_get(lua_State *L) {
  bl_lqueue_check(L, "get");
  return get(L, bl_lopt_deadline(L, 2));
}

int bl_lqueue_get_nowait(lua_State *L) {
  bl_lqueue_check(L, "get_nowait");
  return get(L, 0);
}

/* ---- join: queue since nil set ---- */

static uint64_t since(lua_State *L) {
  return (uint64_t)lua_tointeger(L, WHAT);
}

static int join_look(lua_State *L, int64_t until_ns) {
  struct bl_lqueue *q = bl_lqueue_check(L, "join");
  return bl_queue_join(q->queue, since(L), until_ns);
}

static int join_object(lua_State *L) {
  struct bl_lqueue *q = bl_lqueue_check(L, "join");
  return object(L, bl_queue_join_fd(q->queue, since(L)));
}

static int join_done(lua_State *L, int r) {
  int n = outcome(L, r, BL_ETIMEOUT, "join");
  return n > 0 ? n : push_true(L);
}

int bl_lqueue_join(lua_State *L) {
  static const struct bl_lcall call = {join_look, join_object, join_done};
  struct bl_lqueue *q = bl_lqueue_check(L, "join");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  lua_settop(L, QUEUE);
  lua_settop(L, SET);
  lua_pushinteger(L, (lua_Integer)bl_queue_rounds(q->queue));
  return block(L, &call, deadline_ns);
}
