/* SPDX-License-Identifier: MIT */
/* What happened, as values. What a worker sent is judged as what comes from
 * any child: data, of whatever form. */
#include <limits.h>

#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "bindings/lfailure.h"
#include "bindings/lpool_impl.h"
#include "bindings/lreport.h"
#include "bindings/ltask.h"
#include "runtime/error.h"

/* Where the values of a result begin on the stack: pool kind ticket flags.
 * Above the flags stands the worker, as one number is less to hand over. */
enum { POOL = 1, KIND, TICKET, FLAGS, VALUE, WORKER_SHIFT = 8 };

static int push_head(lua_State *L, const char *kind,
                     const struct bl_pool_event *e) {
  lua_pushstring(L, kind);
  lua_pushinteger(L, (lua_Integer)e->ticket);
  return 2;
}

/* The error on top gets the name and the pid of the worker. */
static void sign(lua_State *L, const struct bl_pool_event *e) {
  bl_lpool_process(L, e->worker);
  lua_insert(L, -2); /* process error */
  bl_lfailure_whose(L, lua_gettop(L) - 1);
  lua_remove(L, -2);
}

/* ---- results ---- */

/* The event is that an error came of it, which is on top. */
static int become_error(lua_State *L, const struct bl_pool_event *e) {
  sign(L, e);
  lua_replace(L, VALUE);
  lua_settop(L, VALUE);
  lua_pushliteral(L, "error");
  lua_replace(L, KIND);
  return VALUE - KIND + 1;
}

static int fail(lua_State *L, const struct bl_pool_event *e, const char *code,
                const char *message) {
  bl_lerror_new(L, code, message, NULL);
  return become_error(L, e);
}

/* Pushes what the bytes are: 1; or what cannot be built becomes an error, and
 * the number of all values is returned. */
static int unpack(lua_State *L, struct bl_lpool *p,
                  const struct bl_pool_event *e) {
  struct bl_lreceived m = {e->bytes, e->size, NULL, 0};
  p->busy = 1;
  int n = bl_lcodec_take(L, &m, BL_PROFILE_UP);
  p->busy = 0;
  if (n == 1) return 1;
  if (n < 0) {
    bl_lerror_wrap(L, -1, NULL);
    return become_error(L, e);
  }
  return fail(L, e, lua_tostring(L, -1), lua_tostring(L, -2));
}

static int bad(lua_State *L, const struct bl_pool_event *e) {
  return fail(L, e, bl_error_name(BL_EBADFRAME), bl_error_text(BL_EBADFRAME));
}

/* The values of the table at VALUE. */
static int spread(lua_State *L, const struct bl_pool_event *e) {
  int known = 0;
  lua_Integer n = -1;
  if (lua_istable(L, VALUE)) {
    lua_pushliteral(L, "n");
    lua_rawget(L, VALUE);
    n = lua_tointegerx(L, -1, &known);
  }
  if (!known || n < 0) return bad(L, e);
  lua_settop(L, VALUE);
  if (n > INT_MAX - LUA_MINSTACK || !lua_checkstack(L, (int)n + LUA_MINSTACK))
    return fail(L, e, bl_error_name(BL_ETOOBIG), "too many results");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, VALUE, i);
  lua_remove(L, VALUE);
  return VALUE - KIND + (int)n;
}

/* The table at VALUE, which may be followed by errors, gets its n, where it is
 * a list. */
static int complete(lua_State *L, const struct bl_pool_event *e) {
  if (!lua_istable(L, VALUE)) return bad(L, e);
  lua_settop(L, VALUE + 1);
  lua_pushliteral(L, "n");
  if (lua_rawget(L, VALUE) == LUA_TNIL) {
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, VALUE));
    lua_setfield(L, VALUE, "n");
  }
  lua_settop(L, VALUE + 1);
  return VALUE + 1 - KIND + 1;
}

/* Makes errors of what the table on top says of each. */
static void take_errors(lua_State *L, const struct bl_pool_event *e) {
  int errors = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, errors);) {
    lua_pushvalue(L, -2); /* key value key */
    bl_lreport_take(L, -2);
    sign(L, e);
    lua_rawset(L, errors); /* a key that is there */
    lua_pop(L, 1);
  }
}

/* The list { values, errors } is at VALUE. */
static int part(lua_State *L, const struct bl_pool_event *e) {
  if (!lua_istable(L, VALUE)) return bad(L, e);
  lua_rawgeti(L, VALUE, 2);
  lua_rawgeti(L, VALUE, 1);
  lua_replace(L, VALUE); /* values errors */
  if (!lua_istable(L, -1)) return bad(L, e);
  take_errors(L, e);
  return complete(L, e);
}

/* 0: it was settled here. */
static int push_result(lua_State *L, struct bl_lpool *p,
                       const struct bl_pool_event *e) {
  p->finished++;
  push_head(L, "result", e);
  lua_pushinteger(L, (lua_Integer)e->worker << WORKER_SHIFT |
                         (e->flags & BL_LINK_SOFT));
  if (e->status == BL_LTASK_NOTHING) {
    lua_newtable(L);
    if (bl_lpool_settle(L, e, 0)) return 0;
    lua_settop(L, FLAGS);
    return VALUE - KIND;
  }
  if (e->status == BL_LTASK_ITEMS && bl_lpool_fill(L, e))
    return VALUE - KIND + 1;
  int n = unpack(L, p, e);
  if (n != 1) return n;
  switch (e->status) {
    case BL_LTASK_VALUE:
      return bl_lpool_settle(L, e, 1) ? 0 : VALUE - KIND + 1;
    case BL_LTASK_VALUES: return spread(L, e);
    case BL_LTASK_ITEMS: return complete(L, e);
    case BL_LTASK_FAILURES: return part(L, e);
    case BL_LTASK_ERROR: bl_lreport_take(L, VALUE); return become_error(L, e);
    default: return bad(L, e);
  }
}

/* ---- other events ---- */

static int push_lost(lua_State *L, const struct bl_pool_event *e) {
  static const char *const why[] = {[BL_POOL_DIED] = "died",
                                    [BL_POOL_LIMIT] = "limit",
                                    [BL_POOL_TERMINATED] = "terminated",
                                    [BL_POOL_KILLED] = "killed",
                                    [BL_POOL_RUBBISH] = "rubbish"};
  int n = push_head(L, "lost", e);
  lua_pushinteger(L, e->worker);
  lua_pushstring(L, why[e->why]);
  bl_lpool_process(L, e->worker);
  bl_lpool_push_time(L, e->since_ns);
  return n + 4;
}

static int push_up(lua_State *L, struct bl_lpool *p,
                   const struct bl_pool_event *e) {
  lua_pushstring(L, e->status == 0 ? "up" : "failed");
  lua_pushinteger(L, e->worker);
  if (e->status == 0) return 2;
  p->busy = 1;
  bl_lreport_read(L, e->bytes, e->size);
  p->busy = 0;
  sign(L, e);
  return 3;
}

static int push_gone(lua_State *L, struct bl_lpool *p,
                     const struct bl_pool_event *e) {
  lua_pushliteral(L, "gone");
  lua_pushinteger(L, e->worker);
  bl_lpool_process(L, e->worker);
  lua_pushinteger(L, (lua_Integer)e->done);
  bl_lpool_forget(L, p, e->worker);
  return 4;
}

static int push_task(lua_State *L, const char *kind,
                     const struct bl_pool_event *e) {
  int n = push_head(L, kind, e);
  lua_pushinteger(L, e->worker);
  bl_lpool_push_time(L, e->since_ns);
  return n + 2;
}

static int push_worker(lua_State *L, const char *kind,
                       const struct bl_pool_event *e) {
  lua_pushstring(L, kind);
  lua_pushinteger(L, e->worker);
  return 2;
}

static int push(lua_State *L, struct bl_lpool *p,
                const struct bl_pool_event *e) {
  switch (e->kind) {
    case BL_POOL_RESULT: return push_result(L, p, e);
    case BL_POOL_LOST: return push_lost(L, e);
    case BL_POOL_UP: return push_up(L, p, e);
    case BL_POOL_STARTED: return push_task(L, "started", e);
    case BL_POOL_SOFT: return push_task(L, "soft", e);
    case BL_POOL_FULL: return push_worker(L, "full", e);
    case BL_POOL_SPENT: return push_worker(L, "spent", e);
    default: return push_gone(L, p, e);
  }
}

/* Until there is one that only Lua can deal with. */
int bl_lpool_next(lua_State *L) {
  struct bl_lpool *p = bl_lpool_idle(L, "next");
  struct bl_pool_event e;
  int n = 0;
  while (n == 0) {
    lua_settop(L, POOL);
    int r = bl_pool_next(p->pool, &e);
    if (r < 0) return bl_lerror_return(L, r, "next");
    if (r == 0) return 0;
    bl_lpool_ring(p);
    n = push(L, p, &e);
  }
  return n;
}
