/* SPDX-License-Identifier: MIT */
#include "bindings/lpermits.h"

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lshared.h"
#include "bindings/lsystem.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/permits.h"
#include "runtime/shm.h"

struct lpermits {
  const struct bl_lclass *class;
  struct bl_shm memory; /* unmapped: closed */
  uint32_t bound;
  int place; /* of this process, for permits.h */
};

static const struct bl_lclass class = {
    "BoundedSemaphore", "billiard.BoundedSemaphore", sizeof(struct lpermits)};

/* The open one at index 1; what names the call. */
static struct lpermits *check(lua_State *L, const char *what) {
  struct lpermits *p = bl_lclass_check(L, 1, &class);
  if (!p->memory.at) luaL_error(L, "%s: BoundedSemaphore is closed", what);
  return p;
}

static int push_true(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

static int acquire_look(lua_State *L, int64_t until_ns) {
  struct lpermits *p = check(L, "acquire");
  return bl_permits_take(p->memory.at, &p->place, bl_lwaiter_slice(until_ns));
}

static int acquire_done(lua_State *L, int r) {
  if (r >= 0) return push_true(L);
  return bl_lerror_return(L, r == BL_EINTR ? BL_ETIMEOUT : r, "acquire");
}

static int permits_acquire(lua_State *L) {
  static const struct bl_lcall call = {acquire_look, bl_lsystem_nap,
                                       acquire_done};
  struct lpermits *p = check(L, "acquire");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  if (bl_permits_take(p->memory.at, &p->place, 0) == 0) return push_true(L);
  lua_settop(L, 1);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

static int permits_release(lua_State *L) {
  struct lpermits *p = check(L, "release");
  if (bl_permits_give(p->memory.at, &p->place) < 0)
    return luaL_error(L, "release: this process has acquired none");
  return push_true(L);
}

static int permits_value(lua_State *L) {
  lua_pushinteger(L, bl_permits_left(check(L, "value")->memory.at));
  return 1;
}

/* ---- the object ---- */

static int permits_gc(lua_State *L) {
  struct lpermits *p = bl_lclass_check(L, 1, &class);
  if (p->memory.at) bl_permits_leave(p->memory.at, &p->place);
  bl_shm_drop(&p->memory);
  return 0;
}

static int permits_close(lua_State *L) {
  struct lpermits *p = bl_lclass_check(L, 1, &class);
  uint32_t mine = p->memory.at ? bl_permits_mine(p->memory.at, p->place) : 0;
  if (mine > 0)
    return luaL_error(L, "close: this process has acquired %d: release first",
                      (int)mine);
  return permits_gc(L);
}

static int permits_tostring(lua_State *L) {
  struct lpermits *p = bl_lclass_check(L, 1, &class);
  if (!p->memory.at) lua_pushliteral(L, "<BoundedSemaphore(closed)>");
  else lua_pushfstring(L, "<BoundedSemaphore(%d of %d)>",
                       (int)bl_permits_left(p->memory.at), (int)p->bound);
  return 1;
}

static struct lpermits *new_closed(lua_State *L) {
  struct lpermits *p = bl_lclass_new(L, &class, 0);
  p->memory.fd = BL_FD_NONE;
  p->place = BL_PERMITS_NONE;
  return p;
}

static int give(struct bl_lwriter *w, int *fds) {
  struct lpermits *p = lua_touserdata(w->L, -1);
  return bl_lshared_give(w, &class, p->memory.fd, fds);
}

static void take(struct bl_lreader *r, int *fds) {
  bl_lshared_nothing(r);
  struct lpermits *p = new_closed(r->L);
  bl_lshared_take(r, &class, fds, &p->memory, bl_permits_size(1));
  p->bound = bl_permits_bound(p->memory.at);
  if (p->memory.size != bl_permits_size(p->bound)) bl_lshared_bad(r, &class);
}

static int new_permits(lua_State *L) {
  lua_Integer n =
      bl_lopt_integer(L, 1, "BoundedSemaphore", "n", 1, INT32_MAX);
  struct lpermits *p = new_closed(L);
  p->bound = (uint32_t)n;
  size_t size = bl_permits_size(p->bound);
  int r = bl_shm_new(&p->memory, "billiard-semaphore", size, size);
  if (r == 0) r = bl_permits_init(p->memory.at, p->bound);
  return r < 0 ? bl_lerror_return(L, r, "BoundedSemaphore") : 1;
}

void bl_lpermits_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"acquire", permits_acquire},
                                     {"release", permits_release},
                                     {"value", permits_value},
                                     {"close", permits_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__tostring", permits_tostring},
                                         {"__gc", permits_gc},
                                         {"__close", permits_gc},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.BoundedSemaphore",
                                                1, 0, give, take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  lua_pushcfunction(L, new_permits);
  lua_setfield(L, -2, "BoundedSemaphore");
}
