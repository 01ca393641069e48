/* SPDX-License-Identifier: MIT */
#include "bindings/lpool.h"

#include "bindings/lerror.h"
#include "bindings/llink.h"
#include "bindings/lopt.h"
#include "bindings/lpool_impl.h"
#include "runtime/fd.h"
#include "runtime/self.h"

/* ---- workers ---- */

static int pool_add(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "add");
  struct bl_lprocess *process = bl_lprocess_child(L, 2, "add");
  struct bl_link *link = bl_llink_check(L, 3, BL_LLINK_OWNER, "add");
  lua_Integer most = luaL_optinteger(L, 4, 0);
  luaL_argcheck(L, most >= 0, 4, "a number of tasks must not be negative");
  luaL_argcheck(L, !process->holder, 2, "works for a pool already");
  int r = bl_pool_add(p->pool, process->process, link, (uint64_t)most);
  bl_llink_close(L, 3);
  if (r < 0) return bl_lerror_return(L, r, "add");
  bl_lpool_hold(L, p, r, 2);
  lua_pushinteger(L, r);
  return 1;
}

static int check_worker(lua_State *L) {
  lua_Integer worker = luaL_checkinteger(L, 2);
  return worker >= 0 && worker <= INT32_MAX ? (int)worker : -1;
}

static int pool_retire(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "retire");
  bl_pool_retire(p->pool, check_worker(L));
  return 0;
}

static int pool_kill(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "kill");
  bl_pool_kill(p->pool, check_worker(L));
  return 0;
}

/* Nothing where there is no such worker. */
static int pool_look(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "look");
  int worker = check_worker(L);
  struct bl_pool_worker w;
  bl_pool_look(p->pool, worker, &w);
  if (!w.process) return 0;
  bl_lpool_process(L, worker);
  lua_pushboolean(L, w.up);
  lua_pushboolean(L, w.retired);
  lua_pushinteger(L, (lua_Integer)w.done);
  if (w.ticket) lua_pushinteger(L, (lua_Integer)w.ticket);
  else lua_pushnil(L);
  bl_lpool_push_time(L, w.since_ns);
  lua_pushinteger(L, (lua_Integer)w.waiting);
  return 7;
}

/* ---- tasks ---- */

static uint64_t check_ticket(lua_State *L) {
  return (uint64_t)luaL_checkinteger(L, 2);
}

static int pool_cancel(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "cancel");
  lua_pushboolean(L, bl_pool_cancel(p->pool, check_ticket(L)));
  return 1;
}

static int pool_terminate(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "terminate");
  int signo = (int)luaL_optinteger(L, 3, 0);
  lua_pushboolean(L, bl_pool_terminate(p->pool, check_ticket(L), signo));
  return 1;
}

/* Nothing where none has started it. */
static int pool_started(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "started");
  int64_t since_ns = 0;
  int worker = bl_pool_started(p->pool, check_ticket(L), &since_ns);
  if (worker < 0) return 0;
  lua_pushinteger(L, worker);
  bl_lpool_push_time(L, since_ns);
  return 2;
}

static int pool_backlog(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "backlog");
  lua_pushinteger(L, (lua_Integer)bl_pool_backlog(p->pool));
  return 1;
}

static int pool_underway(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "underway");
  lua_pushinteger(L, (lua_Integer)bl_pool_underway(p->pool));
  return 1;
}

/* Tasks that were submitted, and those that workers have done. */
static int pool_counts(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "counts");
  lua_pushinteger(L, p->submitted);
  lua_pushinteger(L, p->finished);
  return 2;
}

/* The pid of the process it belongs to, where that is not this one. */
static int pool_stranger(lua_State *L) {
  struct bl_lpool *p = bl_lclass_check(L, 1, &bl_lpool_class);
  if (p->owner == bl_self_pid()) return 0;
  lua_pushinteger(L, p->owner);
  return 1;
}

/* ---- in loops ---- */

static int pool_fileno(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "fileno");
  lua_pushinteger(L, bl_pool_fd(p->pool));
  return 1;
}

/* Seconds until the next look; nothing for never. */
static int pool_due(lua_State *L) {
  struct bl_lpool *p = bl_lpool_check(L, "due");
  return bl_lopt_push_left(L, bl_pool_due(p->pool));
}

/* ---- the object ---- */

static void drop_all(struct bl_lpool *p) {
  bl_lpool_drop(p);
  p->bell = bl_fd_close(p->bell);
}

static void shed(struct bl_lshed *self) {
  drop_all(
      (struct bl_lpool *)((char *)self - offsetof(struct bl_lpool, shed)));
}

static int pool_gc(lua_State *L) {
  drop_all(bl_lclass_check(L, 1, &bl_lpool_class));
  return 0;
}

static int pool_close(lua_State *L) {
  struct bl_lpool *p = bl_lclass_check(L, 1, &bl_lpool_class);
  if (!p->pool) return 0;
  bl_lpool_idle(L, "close");
  bl_lpool_drop(p);
  bl_lpool_ring(p); /* those who wait learn it */
  for (int i = 1; i <= BL_LPOOL_VALUES; i++) {
    lua_pushnil(L);
    bl_compat_setvalue(L, 1, i);
  }
  return 0;
}

/* Pool([pending], [soft], [hard]): the table of what waits for tickets, and the
 * limits of plain tasks. */
static int new_pool(lua_State *L) {
  int error;
  int64_t soft_ns = bl_lpool_limit(L, 2), hard_ns = bl_lpool_limit(L, 3);
  if (lua_isnoneornil(L, 1)) lua_settop(L, 0), lua_newtable(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  struct bl_lpool *p = bl_lclass_new(L, &bl_lpool_class, BL_LPOOL_VALUES);
  int index = lua_gettop(L);
  p->owner = bl_self_pid();
  p->bell = BL_FD_NONE;
  p->soft_ns = soft_ns;
  p->hard_ns = hard_ns;
  lua_pushvalue(L, 1);
  bl_compat_setvalue(L, index, BL_LPOOL_PENDING);
  lua_newtable(L);
  bl_compat_setvalue(L, index, BL_LPOOL_PROCESSES);
  lua_newtable(L);
  bl_compat_setvalue(L, index, BL_LPOOL_SHARES);
  bl_lpool_new_functions(L, index);
  p->pool = bl_pool_new(&error);
  if (!p->pool) return bl_lerror_return(L, error, "Pool");
  p->shed.drop = shed;
  bl_lshed_add(L, &p->shed);
  return 1;
}

void bl_lpool_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"add", pool_add},
                                     {"retire", pool_retire},
                                     {"kill", pool_kill},
                                     {"look", pool_look},
                                     {"submit", bl_lpool_submit},
                                     {"cancel", pool_cancel},
                                     {"terminate", pool_terminate},
                                     {"started", pool_started},
                                     {"backlog", pool_backlog},
                                     {"underway", pool_underway},
                                     {"counts", pool_counts},
                                     {"slice", bl_lpool_slice},
                                     {"wait", bl_lpool_wait},
                                     {"fileno", pool_fileno},
                                     {"due", pool_due},
                                     {"stranger", pool_stranger},
                                     {"close", pool_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", pool_gc}, {"__close", pool_close}, {NULL, NULL}};
  bl_lclass_open(L, &bl_lpool_class, methods, metamethods, NULL);
  bl_lpool_open_wait(L);
  bl_lpool_open_lists(L);
  bl_lpool_open_results(L);
  lua_pushcfunction(L, new_pool);
  lua_setfield(L, -2, "Pool");
}
