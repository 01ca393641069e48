/* SPDX-License-Identifier: MIT */
#include "bindings/llock.h"

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lshared.h"
#include "bindings/lsystem.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/shm.h"

struct llock {
  const struct bl_lclass *class;
  struct bl_latch *latch; /* null: closed */
  struct bl_shm memory;   /* unmapped where the latch is lent */
  const struct bl_shm *in; /* where the latch is: its own, or the lender's */
};

static const struct bl_lclass plain = {"Lock", "billiard.Lock",
                                       sizeof(struct llock)};
static const struct bl_lclass recursive = {"RLock", "billiard.RLock",
                                           sizeof(struct llock)};

static inline struct llock *test(lua_State *L, int index) {
  struct llock *l = bl_lclass_test(L, index, &plain);
  return l ? l : bl_lclass_test(L, index, &recursive);
}

static struct llock *check(lua_State *L, int index) {
  struct llock *l = test(L, index);
  return l ? l : bl_lclass_check(L, index, &plain);
}

int bl_llock_is(lua_State *L, int index) { return test(L, index) != NULL; }

int bl_llock_is_open(lua_State *L, int index) {
  struct llock *l = test(L, index);
  return l && l->latch;
}

static int refuse(lua_State *L, int index, const char *what) {
  return luaL_error(L, "%s: %s is closed", what,
                    check(L, index)->class->name);
}

static inline struct llock *check_open(lua_State *L, int index,
                                       const char *what) {
  struct llock *l = test(L, index);
  if (!l || !l->latch) refuse(L, index, what);
  return l;
}

struct bl_latch *bl_llock_latch(lua_State *L, int index, const char *what) {
  return check_open(L, index, what)->latch;
}

int bl_llock_take(lua_State *L, int index, const char *what,
                  int64_t until_ns) {
  struct llock *l = check_open(L, index, what);
  return bl_latch_take(l->latch, l, bl_lwaiter_slice(until_ns));
}

int bl_llock_insist(lua_State *L, int index, const char *what) {
  struct llock *l = check_open(L, index, what);
  return bl_latch_insist(l->latch, l);
}

/* ---- acquire: lock timeout ---- */

static int acquire_look(lua_State *L, int64_t until_ns) {
  return bl_llock_take(L, 1, "acquire", until_ns);
}

static int acquire_done(lua_State *L, int r) {
  if (r == BL_EINTR) r = BL_ETIMEOUT;
  if (r < 0) return bl_lerror_return(L, r, "acquire");
  lua_pushboolean(L, 1);
  if (r == BL_MUTEX_TAKEN) return 1;
  lua_pushliteral(L, "owner_died");
  return 2;
}

int bl_llock_acquire(lua_State *L) {
  static const struct bl_lcall call = {acquire_look, bl_lsystem_nap,
                                       acquire_done};
  struct llock *l = check_open(L, 1, "acquire");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  int r = bl_latch_try(l->latch, l);
  if (r != BL_ETIMEOUT) return acquire_done(L, r);
  lua_settop(L, 1);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

int bl_llock_release(lua_State *L) {
  struct bl_latch *latch = bl_llock_latch(L, 1, "release");
  if (bl_latch_give(latch) < 0)
    return luaL_error(L, "release: this process does not hold the %s",
                      check(L, 1)->class->name);
  lua_pushboolean(L, 1);
  return 1;
}

static int lock_locked(lua_State *L) {
  struct bl_latch *latch = bl_llock_latch(L, 1, "locked");
  lua_pushboolean(L, bl_mutex_holder(&latch->mutex) != 0);
  return 1;
}

/* ---- the object ---- */

void bl_llock_close(lua_State *L, int index) {
  struct llock *l = test(L, index);
  if (!l || !l->latch) return;
  bl_latch_forsake(l->latch, l);
  l->latch = NULL;
  bl_shm_drop(&l->memory);
}

static int lock_gc(lua_State *L) {
  bl_llock_close(L, 1);
  return 0;
}

void bl_llock_check_close(lua_State *L, const struct bl_latch *latch,
                          const char *name) {
  if (latch && bl_latch_is_mine(latch))
    luaL_error(L, "close: this process holds the %s: release it first", name);
}

static int lock_close(lua_State *L) {
  struct llock *l = check(L, 1);
  bl_llock_check_close(L, l->latch, l->class->name);
  return lock_gc(L);
}

static int lock_tostring(lua_State *L) {
  struct llock *l = check(L, 1);
  const char *name = l->class->name;
  pid_t holder = l->latch ? bl_mutex_holder(&l->latch->mutex) : 0;
  if (!l->latch) lua_pushfstring(L, "<%s(closed)>", name);
  else if (!holder) lua_pushfstring(L, "<%s(free)>", name);
  else if (bl_latch_is_mine(l->latch)) lua_pushfstring(L, "<%s(held)>", name);
  else lua_pushfstring(L, "<%s(held by process %d)>", name, (int)holder);
  return 1;
}

/* ---- how it travels: where in the memory it is ---- */

static struct llock *new_closed(lua_State *L, const struct bl_lclass *class) {
  struct llock *l = bl_lclass_new(L, class, 1);
  l->memory.fd = BL_FD_NONE;
  l->in = &l->memory;
  return l;
}

static int give(struct bl_lwriter *w, int *fds) {
  struct llock *l = test(w->L, -1);
  if (!l->latch) return bl_lshared_give(w, l->class, BL_FD_NONE, fds);
  fds[0] = l->in->fd;
  return bl_pack_integer(w->out, (char *)l->latch - (char *)l->in->at);
}

static void take(struct bl_lreader *r, int *fds,
                 const struct bl_lclass *class) {
  int64_t offset = bl_lshared_integer(r);
  struct llock *l = new_closed(r->L, class);
  bl_lshared_take(r, class, fds, &l->memory, sizeof *l->latch);
  int64_t last = (int64_t)(l->memory.size - sizeof *l->latch);
  if (offset < 0 || offset > last || offset % (int64_t)sizeof(void *) != 0)
    bl_lshared_bad(r, class);
  l->latch = (void *)((char *)l->memory.at + offset);
}

static void take_plain(struct bl_lreader *r, int *fds) {
  take(r, fds, &plain);
}

static void take_recursive(struct bl_lreader *r, int *fds) {
  take(r, fds, &recursive);
}

/* ---- making ---- */

int bl_llock_new(lua_State *L, enum bl_latch_kind kind) {
  const struct bl_lclass *class = kind == BL_LATCH_PLAIN ? &plain : &recursive;
  struct llock *l = new_closed(L, class);
  int r = bl_shm_new(&l->memory, "billiard-lock", sizeof *l->latch,
                     sizeof *l->latch);
  if (r < 0) return r;
  r = bl_latch_init(l->memory.at, kind);
  if (r == 0) l->latch = l->memory.at;
  else bl_shm_drop(&l->memory);
  return r;
}

void bl_llock_lend(lua_State *L, int index, const struct bl_shm *in,
                   struct bl_latch *latch) {
  lua_pushvalue(L, index); /* owner */
  struct llock *l = bl_lclass_new(L, &plain, 1);
  l->memory.fd = BL_FD_NONE;
  l->in = in;
  l->latch = latch;
  lua_insert(L, -2); /* lock owner */
  bl_compat_setvalue(L, -2, 1);
}

static int new(lua_State *L, enum bl_latch_kind kind) {
  int r = bl_llock_new(L, kind);
  const char *what = kind == BL_LATCH_PLAIN ? "Lock" : "RLock";
  return r < 0 ? bl_lerror_return(L, r, what) : 1;
}

static int new_lock(lua_State *L) { return new(L, BL_LATCH_PLAIN); }
static int new_rlock(lua_State *L) { return new(L, BL_LATCH_RECURSIVE); }

void bl_llock_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"acquire", bl_llock_acquire},
                                     {"release", bl_llock_release},
                                     {"locked", lock_locked},
                                     {"close", lock_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__tostring", lock_tostring},
                                         {"__gc", lock_gc},
                                         {"__close", lock_gc},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type plain_type = {"billiard.Lock", 1, 0,
                                                    give, take_plain};
  static const struct bl_lhandle_type recursive_type = {"billiard.RLock", 1, 0,
                                                        give, take_recursive};
  bl_lclass_open(L, &plain, methods, metamethods, &plain_type);
  bl_lclass_open(L, &recursive, methods, metamethods, &recursive_type);
  lua_pushcfunction(L, new_lock);
  lua_setfield(L, -2, "Lock");
  lua_pushcfunction(L, new_rlock);
  lua_setfield(L, -2, "RLock");
}
