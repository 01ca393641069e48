/* SPDX-License-Identifier: MIT */
#include "bindings/lwork.h"

#include "bindings/linterrupt.h"
#include "bindings/ltask.h"
#include "bindings/lunpack.h"
#include "bindings/lwork_impl.h"

/* ---- what came ---- */

/* Leaves the function at FUNCTION and the arguments at ARGS. */
static void take_apart(lua_State *L, struct bl_lwork *w) {
  const struct bl_worker_task *t = w->task;
  struct bl_lreceived m = {t->bytes, t->size, t->message->fds, t->message->n};
  w->fds = m.n;
  if (t->share) {
    bl_lwork_share(L, w);
    bl_lwork_unpack(L, &m, BL_LWORK_BAD_ARGS);
  } else {
    bl_lwork_unpack(L, &m, BL_LWORK_BAD_ARGS); /* work both */
    lua_getfield(L, BL_LWORK_FUNCTION, "args");
    lua_getfield(L, BL_LWORK_FUNCTION, "f");
    lua_replace(L, BL_LWORK_FUNCTION);
  }
}

/* Pushes the items of a message that is a list of a few, of no parts, as most
 * are: how many; -1: it is something else. */
static int push_few(lua_State *L, const struct bl_worker_task *t) {
  enum { FEW = 8 };
  struct bl_unpack u;
  struct bl_unpack_item it;
  int top = lua_gettop(L), n = 0;
  ptrdiff_t left = bl_lunpack_open(&u, t->bytes, t->size);
  if (t->message->n > 0 || left > FEW) left = -1;
  for (; left > 0; left--, n++)
    if (bl_unpack_next(&u, &it) < 0 || !bl_lunpack_flat(L, &it)) break;
  if (left == 0 && u.at == u.end) return n;
  lua_settop(L, top);
  return -1;
}

/* Pushes the function and the arguments, above ARGS; how many these are. */
static int prepare(lua_State *L, struct bl_lwork *w) {
  if (w->task->share) {
    bl_lwork_share(L, w);
    lua_pushnil(L);
    lua_pushvalue(L, BL_LWORK_FUNCTION);
    int n = push_few(L, w->task);
    if (n >= 0) return n;
    lua_settop(L, BL_LWORK);
  }
  take_apart(L, w);
  lua_pushvalue(L, BL_LWORK_FUNCTION);
  return bl_lwork_spread(L, BL_LWORK_ARGS);
}

/* ---- what it results in ---- */

/* The values from index `first` to the top become a table. */
static void gather(lua_State *L, int first, int n) {
  lua_createtable(L, n, 1);
  lua_insert(L, first);
  for (int i = n; i >= 1; i--) lua_rawseti(L, first, i);
  lua_pushinteger(L, n);
  lua_setfield(L, first, "n");
}

static void pack_results(lua_State *L, struct bl_lwork *w, int first) {
  int n = lua_gettop(L) - first + 1;
  w->status = BL_LTASK_NOTHING;
  if (n == 0) return;
  luaL_checkstack(L, LUA_MINSTACK, "too many results");
  if (n > 1) gather(L, first, n);
  if (bl_lwork_pack(L, "result", w->reply) < 0) lua_error(L);
  w->status = n > 1 ? BL_LTASK_VALUES : BL_LTASK_VALUE;
}

static void apply(lua_State *L, struct bl_lwork *w) {
  int n = prepare(L, w);
  bl_linterrupt_enter(L);
  lua_call(L, n, LUA_MULTRET);
  bl_linterrupt_leave(L);
  pack_results(L, w, BL_LWORK_ARGS + 1);
}

int bl_lwork_do(lua_State *L) {
  struct bl_lwork *w = lua_touserdata(L, BL_LWORK);
  if (w->task->mode == BL_LTASK_APPLY) apply(L, w);
  else bl_lwork_map(L, w);
  return 0;
}
