/* SPDX-License-Identifier: MIT */
#include "bindings/lwaiter.h"

#include "bindings/linterrupt.h"
#include "bindings/lobject.h"
#include "bindings/lopt.h"
#include "bindings/lstate.h"
#include "runtime/base.h"
#include "runtime/clock.h"

#define SLICE_NS (100 * BL_MILLISECOND_NS)

int64_t bl_lwaiter_slice(int64_t until_ns) {
  int64_t slice_ns = bl_deadline_ns(SLICE_NS);
  return until_ns < slice_ns ? until_ns : slice_ns;
}

int bl_lwaiter_self(lua_State *L) {
  lua_pushvalue(L, 1);
  return 0;
}

/* Pushes the waiter, if there is one to ask. */
static int push_waiter(lua_State *L) {
  const struct bl_lstate *s = bl_lstate(L);
  if (!s->has_waiter || s->ended) return 0;
  bl_lstate_get(L, BL_LWAITER);
  return 1;
}

/* Looks until there is a result, or the time is over: BL_ETIMEOUT. */
static int look(lua_State *L, const struct bl_lcall *call, int64_t until_ns) {
  int r;
  struct bl_lblock b = bl_lblock_begin(L);
  do {
    r = call->look(L, until_ns);
    if (r == BL_ETIMEOUT && bl_now_ns() < until_ns) r = BL_EINTR;
  } while (bl_lblock_again(L, &b, r));
  return r;
}

/* Pushes how long f may wait for the object on top: nothing for ever. How
 * many values. */
static int push_seconds(lua_State *L, int64_t deadline_ns) {
  static const struct bl_lasker asker = {"waiter", 0};
  int64_t due = bl_lobject_due(L, lua_gettop(L), asker);
  return bl_lopt_push_left(L, due < deadline_ns ? due : deadline_ns);
}

/* The waiter's answer is on top. */
static int waited(lua_State *L) {
  int can = lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1);
  lua_pop(L, 1);
  return can;
}

static int after_yield(lua_State *L, int status, lua_KContext context);

/* The deadline is on top. Asks the waiter only if it can wait. */
static int go_on(lua_State *L, const struct bl_lcall *call, int can_wait) {
  int64_t deadline_ns = lua_tointeger(L, -1);
  for (;;) {
    int ask = can_wait && push_waiter(L); /* deadline waiter? */
    int r = look(L, call, ask ? 0 : deadline_ns);
    if (r != BL_ETIMEOUT || bl_now_ns() >= deadline_ns) return call->done(L, r);
    r = call->object(L); /* deadline waiter object */
    if (r < 0) return call->done(L, r);
    int n = 1 + push_seconds(L, deadline_ns);
    lua_callk(L, n, 1, (lua_KContext)call, after_yield);
    can_wait = waited(L);
  }
}

static int after_yield(lua_State *L, int status, lua_KContext context) {
  (void)status;
  return go_on(L, (const void *)context, waited(L));
}

int bl_lwaiter_call(lua_State *L, const struct bl_lcall *call,
                    int64_t deadline_ns) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_pushinteger(L, deadline_ns);
  return go_on(L, call, 1);
}

static int set_waiter(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  bl_lstate(L)->has_waiter = !lua_isnil(L, 1); /* this process's */
  bl_lstate_set(L, BL_LWAITER);
  return 0;
}

void bl_lwaiter_open(lua_State *L) {
  lua_pushcfunction(L, set_waiter);
  lua_setfield(L, -2, "set_waiter");
}
