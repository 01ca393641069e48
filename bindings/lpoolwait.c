/* SPDX-License-Identifier: MIT */
/* Waiting for a pool. Many coroutines may wait in a waiter at a time, and each
 * takes out what comes, also what others wait for. One of them, the leader,
 * waits for the pool; all of them for a bell, which rings when somebody took
 * out anything, and when there is no leader any more. The bell is heard by
 * edges, by each one's own Poller: nobody has to silence it, which another
 * could then miss.
 *
 * The kernel bounds in how many epoll sets something may be, the less the
 * deeper they are nested (100 for what is in a set in a set in the loop's, 500
 * for one less): hence one leader, and hence those that come too late hear
 * nothing, and look every few milliseconds. */
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lpool_impl.h"
#include "bindings/lwaiter.h"
#include "runtime/bell.h"
#include "runtime/clock.h"
#include "runtime/poller.h"

enum { HEARERS = 400, LOOK_MS = 20 };

struct vigil {
  const struct bl_lclass *class;
  struct bl_poller *poller; /* null: not yet, or over */
  int deaf;                 /* it has no bell */
  struct bl_lpool *pool;    /* the value of the userdata */
};

static const struct bl_lclass class = {"PoolVigil", "billiard.PoolVigil",
                                       sizeof(struct vigil)};

/* Slots of the stack while one waits. */
enum { POOL = 1, SINCE, VIGIL };

void bl_lpool_ring(struct bl_lpool *p) {
  p->news++;
  if (p->waiting == 0 || !p->awaited) return;
  p->awaited = 0;
  bl_bell_ring(p->bell);
}

static int look(lua_State *L, int64_t until_ns) {
  struct bl_lpool *p = bl_lpool_check(L, "wait");
  if (p->news != (uint64_t)lua_tointeger(L, SINCE)) return 1;
  return bl_pool_wait(p->pool, until_ns);
}

/* Somebody has to wait for the pool itself. */
static int lead(struct bl_lpool *p, struct vigil *v) {
  if (p->leader) return 0;
  int r = bl_poller_add(v->poller, bl_pool_fd(p->pool), POLLIN);
  if (r >= 0) p->leader = v;
  return r;
}

static int begin(lua_State *L, struct bl_lpool *p) {
  if (p->bell == BL_FD_NONE) p->bell = bl_bell_open();
  if (p->bell < 0) {
    int error = p->bell;
    p->bell = BL_FD_NONE;
    return error;
  }
  struct vigil *v = bl_lclass_new(L, &class, 1);
  lua_pushvalue(L, POOL);
  bl_compat_setvalue(L, -2, 1);
  lua_replace(L, VIGIL);
  int r = 0;
  v->pool = p;
  v->poller = bl_poller_new(&r);
  if (!v->poller) return r;
  v->deaf = p->waiting++ >= HEARERS;
  if (v->deaf) return 0;
  return bl_poller_add(v->poller, p->bell, POLLIN | BL_POLLER_EDGE);
}

/* An edge that was heard stands in the poller until it is waited for. */
static int object(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "wait");
  int r = lua_isnil(L, VIGIL) ? begin(L, p) : 0;
  if (r < 0) return r;
  struct vigil *v = lua_touserdata(L, VIGIL);
  r = lead(p, v);
  if (r < 0) return r;
  bl_poller_wait(v->poller, 0);
  p->awaited = 1;
  lua_pushvalue(L, VIGIL);
  return 0;
}

static void end(struct vigil *v) {
  if (!v->poller) return;
  struct bl_lpool *p = v->pool;
  v->poller = bl_poller_free(v->poller);
  p->waiting--;
  if (p->leader != v) return;
  p->leader = NULL;
  if (p->waiting > 0 && p->pool) bl_bell_ring(p->bell);
}

static int done(lua_State *L, int r) {
  if (!lua_isnil(L, VIGIL)) end(lua_touserdata(L, VIGIL));
  if (r == BL_EINTR) r = BL_ETIMEOUT;
  if (r < 0) return bl_lerror_return(L, r, "wait");
  lua_pushboolean(L, 1);
  return 1;
}

int bl_lpool_wait(lua_State *L) {
  static const struct bl_lcall call = {look, object, done};
  struct bl_lpool *p = bl_lpool_idle(L, "wait");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  lua_settop(L, POOL);
  lua_pushinteger(L, (lua_Integer)p->news);
  lua_pushnil(L);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

/* ---- what a waiter waits for ---- */

static int vigil_pollfd(lua_State *L) {
  struct vigil *v = bl_lclass_check(L, 1, &class);
  if (!v->poller) return 0;
  lua_pushinteger(L, bl_poller_fd(v->poller));
  return 1;
}

static int vigil_events(lua_State *L) {
  lua_pushliteral(L, "r");
  return 1;
}

static int vigil_timeout(lua_State *L) {
  struct vigil *v = bl_lclass_check(L, 1, &class);
  if (!v->poller || !v->pool->pool) return 0;
  int64_t due = bl_pool_due(v->pool->pool);
  int64_t look = bl_deadline_ns(LOOK_MS * BL_MILLISECOND_NS);
  return bl_lopt_push_left(L, v->deaf && look < due ? look : due);
}

/* Its coroutine was never resumed. */
static int vigil_gc(lua_State *L) {
  end(bl_lclass_check(L, 1, &class));
  return 0;
}

void bl_lpool_open_wait(lua_State *L) {
  static const luaL_Reg methods[] = {{"pollfd", vigil_pollfd},
                                     {"events", vigil_events},
                                     {"timeout", vigil_timeout},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", vigil_gc}, {NULL, NULL}};
  bl_lclass_open(L, &class, methods, metamethods, NULL);
}
