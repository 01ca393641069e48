/* SPDX-License-Identifier: MIT */
#include "bindings/lbarrier.h"

#include <string.h>

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lshared.h"
#include "bindings/lsystem.h"
#include "bindings/lwaiter.h"
#include "runtime/barrier.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/shm.h"

struct lbarrier {
  const struct bl_lclass *class;
  struct bl_shm memory; /* unmapped: closed */
};

static const struct bl_lclass class = {"Barrier", "billiard.Barrier",
                                       sizeof(struct lbarrier)};

enum { ACTION = 1 }; /* user value, nil: none */

/* The open one at index; what names the call. */
static struct bl_barrier *check(lua_State *L, int index, const char *what) {
  struct lbarrier *b = bl_lclass_check(L, index, &class);
  if (!b->memory.at) luaL_error(L, "%s: Barrier is closed", what);
  return b->memory.at;
}

/* ---- wait: barrier party ---- */

enum { PARTY = 2 };

/* Who waits; on every way out it gives its place up. User value 1: the
 * barrier. */
struct party {
  const struct bl_lclass *class;
  int place; /* < 0: none yet */
  uint32_t index;
};

static const struct bl_lclass party_class = {
    "Party", "billiard.Barrier.Party", sizeof(struct party)};

static struct party *party(lua_State *L) { return lua_touserdata(L, PARTY); }

static int party_close(lua_State *L) {
  struct party *p = bl_lclass_check(L, 1, &party_class);
  if (p->place < 0) return 0;
  bl_compat_getvalue(L, 1, 1);
  bl_barrier_leave(check(L, lua_gettop(L), "wait"), p->place);
  p->place = -1;
  return 0;
}

static int is_last(struct bl_barrier *b, const struct party *p) {
  return p->index == bl_barrier_parties(b);
}

/* 1: this is the last, who lets all go. */
static int wait_look(lua_State *L, int64_t until_ns) {
  struct bl_barrier *b = check(L, 1, "wait");
  struct party *p = party(L);
  until_ns = bl_lwaiter_slice(until_ns);
  if (p->place < 0) {
    int r = bl_barrier_enter(b, &p->index, until_ns);
    if (r < 0) return r;
    p->place = r;
  }
  return is_last(b, p) ? 1 : bl_barrier_wait(b, p->place, until_ns);
}

static int push_result(lua_State *L, int r) {
  if (r == BL_EINTR) r = BL_ETIMEOUT;
  if (r < 0) return bl_lerror_return(L, r, NULL);
  lua_pushinteger(L, party(L)->index);
  return 1;
}

/* The action is done. */
static int acted(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  struct bl_barrier *b = check(L, 1, "wait");
  bl_barrier_pass(b, party(L)->place);
  return push_result(L, bl_barrier_wait(b, party(L)->place, 0));
}

static int wait_done(lua_State *L, int r) {
  if (r != 1) return push_result(L, r);
  bl_compat_getvalue(L, 1, ACTION);
  if (!lua_isnil(L, -1)) lua_callk(L, 0, 0, 0, acted);
  return acted(L, LUA_OK, 0);
}

static int barrier_wait(lua_State *L) {
  static const struct bl_lcall call = {wait_look, bl_lsystem_nap, wait_done};
  struct bl_barrier *b = check(L, 1, "wait");
  int64_t ns = bl_lopt_duration(L, 2, bl_barrier_timeout(b));
  lua_settop(L, 1);
  struct party *p = bl_lclass_new(L, &party_class, 1);
  p->place = -1;
  lua_pushvalue(L, 1);
  bl_compat_setvalue(L, PARTY, 1);
  bl_compat_toclose(L, PARTY);
  return bl_lwaiter_call(L, &call, bl_deadline_ns(ns));
}

/* ---- the others ---- */

static int barrier_abort(lua_State *L) {
  bl_barrier_abort(check(L, 1, "abort"));
  lua_pushboolean(L, 1);
  return 1;
}

static int barrier_reset(lua_State *L) {
  bl_barrier_reset(check(L, 1, "reset"));
  lua_pushboolean(L, 1);
  return 1;
}

static void push_parties(lua_State *L, struct bl_barrier *b) {
  lua_pushinteger(L, bl_barrier_parties(b));
}

static void push_waiting(lua_State *L, struct bl_barrier *b) {
  lua_pushinteger(L, bl_barrier_waiting(b));
}

static void push_broken(lua_State *L, struct bl_barrier *b) {
  lua_pushboolean(L, bl_barrier_is_broken(b));
}

static int barrier_index(lua_State *L) {
  static const struct {
    const char *name;
    void (*push)(lua_State *L, struct bl_barrier *b);
  } fields[] = {{"parties", push_parties},
                {"n_waiting", push_waiting},
                {"broken", push_broken}};
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (strcmp(fields[i].name, key) == 0) {
      fields[i].push(L, check(L, 1, key));
      return 1;
    }
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

/* ---- the object ---- */

static int barrier_gc(lua_State *L) {
  struct lbarrier *b = bl_lclass_check(L, 1, &class);
  /* with places of ours in it, it would lead the kernel astray */
  if (b->memory.at && bl_barrier_is_used(b->memory.at)) return 0;
  bl_shm_drop(&b->memory);
  return 0;
}

static int barrier_close(lua_State *L) {
  struct lbarrier *b = bl_lclass_check(L, 1, &class);
  if (b->memory.at && bl_barrier_is_used(b->memory.at))
    return luaL_error(L, "close: this process waits at the Barrier");
  return barrier_gc(L);
}

static int barrier_tostring(lua_State *L) {
  struct lbarrier *b = bl_lclass_check(L, 1, &class);
  struct bl_barrier *open = b->memory.at;
  if (!open) lua_pushliteral(L, "<Barrier(closed)>");
  else if (bl_barrier_is_broken(open)) lua_pushliteral(L, "<Barrier(broken)>");
  else lua_pushfstring(L, "<Barrier(%d of %d)>", (int)bl_barrier_waiting(open),
                       (int)bl_barrier_parties(open));
  return 1;
}

/* ---- how it travels: with its action ---- */

static int give(struct bl_lwriter *w, int *fds) {
  struct lbarrier *b = lua_touserdata(w->L, -1);
  if (!b->memory.at) return bl_lshared_give(w, &class, BL_FD_NONE, fds);
  fds[0] = b->memory.fd;
  bl_compat_getvalue(w->L, -1, ACTION);
  int r = w->value(w);
  lua_pop(w->L, 1);
  return r;
}

static void take(struct bl_lreader *r, int *fds) {
  struct lbarrier *b = bl_lclass_new(r->L, &class, 1);
  b->memory.fd = BL_FD_NONE;
  bl_lshared_take(r, &class, fds, &b->memory, bl_barrier_size(1));
  struct bl_barrier *open = b->memory.at;
  if (b->memory.size != bl_barrier_size(bl_barrier_parties(open)))
    bl_lshared_bad(r, &class);
  r->value(r);
  bl_compat_setvalue(r->L, -2, ACTION);
}

/* ---- making ---- */

static int is_callable(lua_State *L, int index) {
  if (lua_isfunction(L, index)) return 1;
  if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return 0;
  lua_pop(L, 1);
  return 1;
}

static int new_barrier(lua_State *L) {
  lua_Integer n =
      bl_lopt_integer(L, 1, "Barrier", "parties", 1, BL_BARRIER_PARTIES);
  if (!lua_isnoneornil(L, 2) && !is_callable(L, 2))
    return bl_lopt_wrong(L, 2, "Barrier", "action", "a function");
  int64_t timeout_ns = bl_lopt_duration(L, 3, BL_FOREVER);
  lua_settop(L, 2);
  struct lbarrier *b = bl_lclass_new(L, &class, 1);
  b->memory.fd = BL_FD_NONE;
  lua_pushvalue(L, 2);
  bl_compat_setvalue(L, 3, ACTION);
  size_t size = bl_barrier_size((uint32_t)n);
  int r = bl_shm_new(&b->memory, "billiard-barrier", size, size);
  if (r == 0) r = bl_barrier_init(b->memory.at, (uint32_t)n, timeout_ns);
  return r < 0 ? bl_lerror_return(L, r, "Barrier") : 1;
}

void bl_lbarrier_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"wait", barrier_wait},
                                     {"abort", barrier_abort},
                                     {"reset", barrier_reset},
                                     {"close", barrier_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__index", barrier_index},
                                         {"__tostring", barrier_tostring},
                                         {"__gc", barrier_gc},
                                         {"__close", barrier_close},
                                         {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg party_metamethods[] = {{"__gc", party_close},
                                               {"__close", party_close},
                                               {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.Barrier", 1, 0, give,
                                                take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  bl_lclass_open(L, &party_class, none, party_metamethods, NULL);
  lua_pushcfunction(L, new_barrier);
  lua_setfield(L, -2, "Barrier");
}
