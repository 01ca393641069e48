/* SPDX-License-Identifier: MIT */
/* Its lock is a Lock or RLock of its own or the user's, user value 1; so a
 * wait has three parts, each of which may yield: giving the lock, waiting,
 * taking the lock again. */
#include "bindings/lcondition.h"

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/llock.h"
#include "bindings/lopt.h"
#include "bindings/lshared.h"
#include "bindings/lsystem.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/condition.h"
#include "runtime/shm.h"

struct lcondition {
  const struct bl_lclass *class;
  struct bl_shm memory; /* unmapped: closed */
  int is_own;           /* its lock is nobody else's, and goes with it */
};

static const struct bl_lclass class = {"Condition", "billiard.Condition",
                                       sizeof(struct lcondition)};

enum { LOCK = 1 };

/* The open one at index; what names the call. */
static struct bl_condition *check(lua_State *L, int index, const char *what) {
  struct lcondition *c = bl_lclass_check(L, index, &class);
  if (!c->memory.at) luaL_error(L, "%s: Condition is closed", what);
  return c->memory.at;
}

/* ---- a wait: condition lock ticket ---- */

enum { TICKET = 3 };

/* On every way out of a wait this thread gives its place up, and has the lock
 * again. User values: the condition and the lock. */
struct ticket {
  const struct bl_lclass *class;
  int place; /* < 0: none */
  int depth; /* of the lock, while it is given; 0: we have it */
  int is_woken;
  uint32_t deaths; /* of the lock's holders, before */
};

static const struct bl_lclass ticket_class = {
    "Waiting", "billiard.Condition.Waiting", sizeof(struct ticket)};

static struct ticket *ticket(lua_State *L) { return lua_touserdata(L, TICKET); }

/* The place of a ticket that is not used to its end. */
static void give_up(lua_State *L, struct ticket *t) {
  bl_compat_getvalue(L, 1, 1);
  struct bl_condition *c = check(L, lua_gettop(L), "wait");
  if (bl_condition_leave(c, t->place) > 0) bl_condition_notify(c, 1);
  t->place = -1;
}

static int ticket_gc(lua_State *L) {
  struct ticket *t = bl_lclass_check(L, 1, &ticket_class);
  if (t->place >= 0) give_up(L, t);
  return 0;
}

/* The lock at index is this process's again. */
static void retaken(lua_State *L, int index, struct ticket *t) {
  bl_latch_deepen(bl_llock_latch(L, index, "wait"), t->depth);
  t->depth = 0;
}

static int ticket_close(lua_State *L) {
  ticket_gc(L);
  struct ticket *t = bl_lclass_check(L, 1, &ticket_class);
  if (t->depth == 0) return 0;
  bl_compat_getvalue(L, 1, 2);
  if (bl_llock_insist(L, lua_gettop(L), "wait") >= 0)
    retaken(L, lua_gettop(L), t);
  return 0;
}

static int wait_look(lua_State *L, int64_t until_ns) {
  struct ticket *t = ticket(L);
  return bl_condition_wait(check(L, 1, "wait"), t->place,
                           bl_llock_latch(L, 2, "wait"), t->deaths,
                           bl_lwaiter_slice(until_ns));
}

static int retake_look(lua_State *L, int64_t until_ns) {
  int r = bl_llock_take(L, 2, "wait", until_ns);
  if (r >= 0) retaken(L, 2, ticket(L));
  /* another coroutine of ours may have it */
  return r == BL_EDEADLOCK && until_ns == 0 ? BL_ETIMEOUT : r;
}

/* The place is given up only now: who dies before has its notice passed on. */
static int retake_done(lua_State *L, int r) {
  struct ticket *t = ticket(L);
  int n = 1;
  if (r < 0) return bl_lerror_return(L, r, "wait");
  if (bl_condition_leave(check(L, 1, "wait"), t->place) > 0) t->is_woken = 1;
  t->place = -1;
  if (t->is_woken) lua_pushboolean(L, 1);
  else n = bl_lerror_return(L, BL_ETIMEOUT, NULL);
  if (r == BL_MUTEX_TAKEN) return n;
  lua_pushliteral(L, "owner_died");
  return n + 1;
}

static int wait_done(lua_State *L, int r) {
  static const struct bl_lcall retake = {retake_look, bl_lsystem_nap,
                                         retake_done};
  ticket(L)->is_woken = r >= 0;
  return bl_lwaiter_call(L, &retake, BL_FOREVER);
}

/* Leaves condition and lock on the stack; the lock must be this process's. */
static struct bl_latch *check_held(lua_State *L, const char *what) {
  check(L, 1, what);
  lua_settop(L, 1);
  bl_compat_getvalue(L, 1, LOCK);
  struct bl_latch *latch = bl_llock_latch(L, 2, what);
  if (!bl_latch_is_mine(latch))
    luaL_error(L, "%s: this process does not hold the Condition's lock", what);
  return latch;
}

static struct ticket *new_ticket(lua_State *L) {
  struct ticket *t = bl_lclass_new(L, &ticket_class, 2);
  t->place = -1;
  for (int i = 1; i <= 2; i++) {
    lua_pushvalue(L, i);
    bl_compat_setvalue(L, TICKET, i);
  }
  bl_compat_toclose(L, TICKET);
  return t;
}

static int condition_wait(lua_State *L) {
  static const struct bl_lcall call = {wait_look, bl_lsystem_nap, wait_done};
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  struct bl_latch *latch = check_held(L, "wait");
  struct ticket *t = new_ticket(L);
  t->place = bl_condition_enter(check(L, 1, "wait"));
  if (t->place < 0) return bl_lerror_return(L, t->place, "wait");
  t->deaths = bl_latch_deaths(latch);
  t->depth = bl_latch_drop(latch);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

static int notify(lua_State *L, lua_Integer n, const char *what) {
  check_held(L, what);
  int r = bl_condition_notify(check(L, 1, what), (int)n);
  if (r < 0) return bl_lerror_return(L, r, what);
  lua_pushinteger(L, r);
  return 1;
}

static int condition_notify(lua_State *L) {
  lua_Integer n = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, n >= 0 && n <= BL_CONDITION_ALL, 2,
                "must be 0 to 2147483647");
  return notify(L, n, "notify");
}

static int condition_notify_all(lua_State *L) {
  return notify(L, BL_CONDITION_ALL, "notify_all");
}

/* ---- its lock ---- */

static int condition_acquire(lua_State *L) {
  check(L, 1, "acquire");
  bl_compat_getvalue(L, 1, LOCK);
  lua_replace(L, 1);
  return bl_llock_acquire(L);
}

static int condition_release(lua_State *L) {
  check_held(L, "release"); /* condition lock */
  lua_replace(L, 1);
  return bl_llock_release(L);
}

/* ---- the object ---- */

static int condition_gc(lua_State *L) {
  struct lcondition *c = bl_lclass_check(L, 1, &class);
  /* with places of ours in it, it would lead the kernel astray */
  if (c->memory.at && bl_condition_is_used(c->memory.at)) return 0;
  bl_shm_drop(&c->memory);
  bl_compat_getvalue(L, 1, LOCK);
  if (c->is_own) bl_llock_close(L, lua_gettop(L));
  return 0;
}

/* At the end of a scope a lock of its own is given up, as a Lock is. */
static int condition_leave(lua_State *L) {
  struct lcondition *c = bl_lclass_check(L, 1, &class);
  if (c->memory.at && bl_condition_is_used(c->memory.at))
    return luaL_error(L, "close: this process waits for the Condition");
  return condition_gc(L);
}

static int condition_close(lua_State *L) {
  struct lcondition *c = bl_lclass_check(L, 1, &class);
  bl_compat_getvalue(L, 1, LOCK);
  if (c->is_own && c->memory.at && !bl_condition_is_used(c->memory.at))
    bl_llock_check_close(L, bl_llock_latch(L, lua_gettop(L), "close"),
                         "Condition");
  return condition_leave(L);
}

static int condition_tostring(lua_State *L) {
  struct lcondition *c = bl_lclass_check(L, 1, &class);
  bl_compat_getvalue(L, 1, LOCK);
  if (!c->memory.at) lua_pushliteral(L, "<Condition(closed)>");
  else lua_pushfstring(L, "<Condition(%s)>", luaL_tolstring(L, -1, NULL));
  return 1;
}

/* ---- how it travels: with its lock ---- */

static int give(struct bl_lwriter *w, int *fds) {
  struct lcondition *c = lua_touserdata(w->L, -1);
  if (!c->memory.at) return bl_lshared_give(w, &class, BL_FD_NONE, fds);
  fds[0] = c->memory.fd;
  int r = bl_pack_array(w->out, 2);
  if (r == 0) r = bl_pack_integer(w->out, c->is_own);
  if (r < 0) return r;
  bl_compat_getvalue(w->L, -1, LOCK);
  r = w->value(w);
  lua_pop(w->L, 1);
  return r;
}

static void take(struct bl_lreader *r, int *fds) {
  struct lcondition *c = bl_lclass_new(r->L, &class, 1);
  c->memory.fd = BL_FD_NONE;
  bl_lshared_take(r, &class, fds, &c->memory, bl_condition_size());
  struct bl_unpack_item both;
  bl_lreader_next(r, &both);
  if (both.kind != BL_UNPACK_ARRAY || both.size != 2)
    bl_lshared_bad(r, &class);
  c->is_own = bl_lshared_integer(r) != 0;
  r->value(r);
  if (!bl_llock_is(r->L, -1)) bl_lshared_bad(r, &class);
  bl_compat_setvalue(r->L, -2, LOCK);
}

/* ---- making ---- */

static int new_condition(lua_State *L) {
  int r = 0;
  lua_settop(L, 1);
  int is_own = lua_isnil(L, 1);
  if (is_own) {
    r = bl_llock_new(L, BL_LATCH_RECURSIVE);
    if (r < 0) return bl_lerror_return(L, r, "Condition");
    lua_replace(L, 1);
  }
  if (!bl_llock_is(L, 1))
    return bl_lopt_wrong(L, 1, "Condition", "lock", "a Lock or RLock");
  bl_llock_latch(L, 1, "Condition");
  struct lcondition *c = bl_lclass_new(L, &class, 1);
  c->memory.fd = BL_FD_NONE;
  c->is_own = is_own;
  lua_pushvalue(L, 1);
  bl_compat_setvalue(L, 2, LOCK);
  size_t size = bl_condition_size();
  r = bl_shm_new(&c->memory, "billiard-condition", size, size);
  if (r == 0) r = bl_condition_init(c->memory.at);
  return r < 0 ? bl_lerror_return(L, r, "Condition") : 1;
}

void bl_lcondition_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"acquire", condition_acquire},
                                     {"release", condition_release},
                                     {"wait", condition_wait},
                                     {"notify", condition_notify},
                                     {"notify_all", condition_notify_all},
                                     {"close", condition_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__tostring", condition_tostring},
                                         {"__gc", condition_gc},
                                         {"__close", condition_leave},
                                         {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg ticket_metamethods[] = {{"__gc", ticket_gc},
                                                {"__close", ticket_close},
                                                {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.Condition", 1, 0,
                                                give, take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  bl_lclass_open(L, &ticket_class, none, ticket_metamethods, NULL);
  lua_pushcfunction(L, new_condition);
  lua_setfield(L, -2, "Condition");
}
