/* SPDX-License-Identifier: MIT */
/* Tasks on their way to a worker.
 *
 * A function that is the same wherever it runs (it has no upvalues but _ENV,
 * or a loaded module holds it) becomes a share: each worker gets it once. It
 * is found again by its identity, and, as Lua makes a new function each time
 * that it comes past a `function`, by its bytes. */
#include <string.h>

#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "bindings/lname.h"
#include "bindings/lopt.h"
#include "bindings/lpack.h"
#include "bindings/lpool_impl.h"
#include "bindings/ltask.h"
#include "runtime/clock.h"

enum { KEPT_MAX = 1 << 20 }; /* a larger buffer is not kept */

/* Arguments. */
enum { POOL = 1, FUNCTION, ARGS, MODE, SOFT, HARD, ATTEMPTS, TELL };
enum { LIST = 2 }; /* of a slice */

/* What a message has besides the bytes. */
struct luggage {
  int n;
  int fds[2 * BL_PACKET_FDS]; /* the pool says when these are too many */
};

/* ---- what is packed, into the pool's buffer ---- */

/* The buffer is the call's own while Lua code may run, which may submit
   another; nothing that may raise is called meanwhile. */
static struct bl_buf borrow(struct bl_lpool *p) {
  struct bl_buf b = p->out;
  p->out = (struct bl_buf){0};
  return b;
}

static void give_back(struct bl_lpool *p, const struct bl_buf *b) {
  bl_buf_reset(&p->out);
  p->out = *b;
}

static void empty(struct bl_lpool *p) {
  if (p->out.size > KEPT_MAX) bl_buf_reset(&p->out);
  else bl_buf_cut(&p->out, 0);
}

static void finish(lua_State *L, struct bl_lpool *p, const struct bl_buf *b,
                   int r) {
  give_back(p, b);
  if (r == 0) return;
  empty(p);
  lua_error(L);
}

/* Appends the value at index, and takes its descriptors along: 0; or -1, and
   the error is pushed. */
static int give(lua_State *L, int index, const char *root, struct bl_buf *out,
                struct luggage *l) {
  struct bl_lhandles handles;
  handles.profile = BL_PROFILE_DOWN;
  handles.starting = 0;
  int r = bl_lcodec_give(L, index, root, &handles, out);
  if (r < 0 || handles.n == 0) return r;
  memcpy(l->fds + l->n, handles.fds, (size_t)handles.n * sizeof *l->fds);
  l->n += handles.n;
  return 0;
}

/* 1 where they were a list of scalars and short strings, as most are: all else
 * takes longer. */
static int pack_scalars(lua_State *L, struct bl_lpool *p) {
  if (!lua_getmetatable(L, ARGS)) return bl_lpack_list(L, ARGS, &p->out) == 0;
  lua_pop(L, 1);
  return 0;
}

/* Items that bl_lpool_slice() has packed. */
static int append_items(lua_State *L, struct bl_buf *out) {
  size_t n;
  const char *bytes = lua_tolstring(L, ARGS, &n);
  char *room;
  if (bl_buf_room(out, n, &room) < 0) return -1;
  memcpy(room, bytes, n);
  bl_buf_added(out, n);
  return 0;
}

static void pack_args(lua_State *L, struct bl_lpool *p, struct luggage *l) {
  if (lua_type(L, ARGS) == LUA_TSTRING) {
    if (append_items(L, &p->out) < 0) luaL_error(L, "not enough memory");
    return;
  }
  if (pack_scalars(L, p)) return;
  struct bl_buf b = borrow(p);
  finish(L, p, &b, give(L, ARGS, "args", &b, l));
}

/* One message, so that what the two share stays shared. */
static void pack_both(lua_State *L, struct bl_lpool *p, struct luggage *l) {
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, FUNCTION);
  lua_setfield(L, -2, "f");
  lua_pushvalue(L, ARGS);
  lua_setfield(L, -2, "args");
  struct bl_buf b = borrow(p);
  finish(L, p, &b, give(L, -1, "", &b, l));
}

static void pack_each(lua_State *L, struct bl_lpool *p, struct luggage *l) {
  struct bl_ltask_head head;
  char *room;
  if (bl_buf_room(&p->out, sizeof head, &room) < 0)
    luaL_error(L, "not enough memory");
  bl_buf_added(&p->out, sizeof head);
  struct bl_buf b = borrow(p);
  int r = give(L, FUNCTION, "f", &b, l);
  head.size = bl_buf_length(&b) - sizeof head;
  head.n = (uint64_t)l->n;
  if (r == 0 && lua_type(L, ARGS) == LUA_TTABLE)
    r = give(L, ARGS, "args", &b, l);
  else if (r == 0 && append_items(L, &b) < 0)
    r = (lua_pushliteral(L, "not enough memory"), -1);
  if (r == 0) memcpy(b.data + b.start, &head, sizeof head);
  finish(L, p, &b, r);
}

/* ---- functions as shares ---- */

/* Has it no upvalues of its own? */
static int is_bare(lua_State *L) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, FUNCTION, i)) != NULL; i++) {
    lua_pop(L, 1);
    if (strcmp(name, "_ENV") != 0) return 0;
  }
  return 1;
}

static int has_name(lua_State *L) {
  int top = lua_gettop(L);
  bl_lname_index(L);
  bl_lname_refresh(L, top + 1);
  lua_pushvalue(L, FUNCTION);
  int found = bl_lname_find(L, top + 1);
  lua_settop(L, top);
  return found > 0;
}

static int is_constant(lua_State *L) {
  return lua_type(L, FUNCTION) == LUA_TSTRING || is_bare(L) || has_name(L);
}

/* Pushes the bytes of the function. */
static void push_bytes(lua_State *L, struct bl_lpool *p) {
  struct bl_buf b = borrow(p);
  int r = bl_lcodec_pack(L, FUNCTION, BL_PROFILE_DOWN, "f", &b);
  finish(L, p, &b, r);
  lua_pushlstring(L, bl_buf_front(&p->out), bl_buf_length(&p->out));
  empty(p);
}

/* The shares are on top. */
static void forget_share(lua_State *L, struct bl_lpool *p, int share) {
  if (lua_rawgeti(L, -1, share) == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pushnil(L);
  lua_rawseti(L, -2, share);
  bl_pool_unshare(p->pool, share);
}

/* Stack: ... bytes shares. Those that tasks still refer to make room later. */
static int make_share(lua_State *L, struct bl_lpool *p) {
  size_t n;
  const char *bytes = lua_tolstring(L, -2, &n);
  int share = bl_pool_share(p->pool, bytes, n);
  if (share == 0) {
    p->evict = p->evict % BL_POOL_SHARES + 1;
    forget_share(L, p, p->evict);
    bl_lpool_new_functions(L, POOL);
    share = bl_pool_share(p->pool, bytes, n);
  }
  if (share == 0) return 0;
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, share);
  lua_pushvalue(L, -2);
  lua_pushinteger(L, share);
  lua_rawset(L, -3);
  return share;
}

/* The share of a function with these bytes, made when there is none. */
static int share_of_bytes(lua_State *L, struct bl_lpool *p) {
  push_bytes(L, p);
  bl_compat_getvalue(L, POOL, BL_LPOOL_SHARES); /* bytes shares */
  lua_pushvalue(L, -2);
  lua_rawget(L, -2);
  int share = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (share == 0) share = make_share(L, p);
  lua_pop(L, 2);
  return share;
}

static void note(lua_State *L, int share) {
  bl_compat_getvalue(L, POOL, BL_LPOOL_FUNCTIONS);
  lua_pushvalue(L, FUNCTION);
  if (share > 0) lua_pushinteger(L, share);
  else lua_pushboolean(L, 0);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* What was noted of the function; -1: nothing. */
static int find_share(lua_State *L) {
  bl_compat_getvalue(L, POOL, BL_LPOOL_FUNCTIONS);
  lua_pushvalue(L, FUNCTION);
  int known = lua_rawget(L, -2) != LUA_TNIL;
  int share = (int)lua_tointeger(L, -1);
  lua_pop(L, 2);
  return known ? share : -1;
}

/* The function's share; 0: it travels with the task. */
static uint32_t share_of(lua_State *L, struct bl_lpool *p) {
  int share = find_share(L);
  if (share >= 0) return (uint32_t)share;
  int constant = is_constant(L);
  share = constant ? share_of_bytes(L, p) : 0;
  if (share > 0 || !constant) note(L, share);
  return (uint32_t)share;
}

/* ---- submit ---- */

int64_t bl_lpool_limit(lua_State *L, int arg) {
  int64_t ns = bl_lopt_duration(L, arg, 0);
  return ns == BL_FOREVER ? 0 : ns;
}

static void read_options(lua_State *L, struct bl_pool_task *t) {
  int type = lua_type(L, FUNCTION);
  luaL_argexpected(L, type == LUA_TFUNCTION || type == LUA_TSTRING, FUNCTION,
                   "function or string");
  lua_Integer mode = luaL_checkinteger(L, MODE);
  luaL_argcheck(L, mode >= 0 && mode < BL_LTASK_MODES, MODE, "no mode");
  if (mode == BL_LTASK_APPLY || lua_type(L, ARGS) != LUA_TSTRING)
    luaL_checktype(L, ARGS, LUA_TTABLE);
  lua_Integer attempts = luaL_optinteger(L, ATTEMPTS, 1);
  luaL_argcheck(L, attempts >= 1 && attempts <= INT32_MAX, ATTEMPTS,
                "must be at least 1");
  t->mode = (uint32_t)mode;
  t->soft_ns = bl_lpool_limit(L, SOFT);
  t->hard_ns = bl_lpool_limit(L, HARD);
  t->attempts = (unsigned)attempts;
  t->tell = lua_toboolean(L, TELL);
}

/* Again where a __pack submitted so much that the share may be gone. */
static void pack(lua_State *L, struct bl_lpool *p, struct bl_pool_task *t,
                 struct luggage *l) {
  int evicted;
  do {
    t->share = share_of(L, p);
    evicted = p->evict;
    l->n = 0;
    bl_buf_cut(&p->out, 0); /* what an error left */
    if (t->share) pack_args(L, p, l);
    else if (t->mode == BL_LTASK_APPLY) pack_both(L, p, l);
    else pack_each(L, p, l);
  } while (t->share && p->evict != evicted);
}

/* Submits what was packed. */
static int hand_over(struct bl_lpool *p, struct bl_pool_task t,
                     const struct luggage *l, uint64_t *ticket) {
  struct iovec part = {(void *)(uintptr_t)bl_buf_front(&p->out),
                       bl_buf_length(&p->out)};
  t.parts = &part;
  t.n = 1;
  t.fds = l->fds;
  t.nfds = l->n;
  int r = bl_pool_submit(p->pool, &t, ticket);
  p->submitted += r == 0;
  empty(p);
  return r;
}

static int send(lua_State *L, struct bl_lpool *p, struct bl_pool_task *t,
                uint64_t *ticket) {
  struct luggage l;
  pack(L, p, t, &l);
  bl_lpool_idle(L, "submit"); /* a __pack may have closed it */
  return hand_over(p, *t, &l, ticket);
}

static struct bl_pool_task usual(const struct bl_lpool *p) {
  return (struct bl_pool_task){
      .soft_ns = p->soft_ns, .hard_ns = p->hard_ns, .attempts = 1};
}

int bl_lpool_send(lua_State *L, struct bl_lpool *p, uint64_t *ticket) {
  struct bl_pool_task t = usual(p);
  return send(L, p, &t, ticket);
}

int bl_lpool_send_plain(lua_State *L, struct bl_lpool *p, uint64_t *ticket) {
  struct bl_pool_task t = usual(p);
  struct luggage l;
  int share = find_share(L);
  if (share <= 0) return BL_EUNSENDABLE;
  t.share = (uint32_t)share;
  l.n = 0;
  bl_buf_cut(&p->out, 0);
  if (!pack_scalars(L, p)) return BL_EUNSENDABLE;
  return hand_over(p, t, &l, ticket);
}

int bl_lpool_submit(lua_State *L) {
  struct bl_lpool *p = bl_lpool_idle(L, "submit");
  struct bl_pool_task t = {0};
  uint64_t ticket;
  read_options(L, &t);
  lua_settop(L, ARGS);
  int r = send(L, p, &t, &ticket);
  if (r < 0) return bl_lerror_return(L, r, "submit");
  lua_pushinteger(L, (lua_Integer)ticket);
  return 1;
}

/* ---- slices ---- */

/* Pushes the items as a list, with n where some are nil: a list without is
 * sent in half the bytes. */
static void push_slice(lua_State *L, lua_Integer first, lua_Integer last) {
  int holes = 0, list;
  lua_createtable(L, last - first < INT32_MAX ? (int)(last - first + 1) : 0, 0);
  list = lua_gettop(L);
  for (lua_Integer i = first; i <= last; i++) {
    holes |= lua_geti(L, LIST, i) == LUA_TNIL;
    lua_rawseti(L, list, i - first + 1);
  }
  if (!holes) return;
  lua_pushinteger(L, last - first + 1);
  lua_setfield(L, list, "n");
}

int bl_lpool_slice(lua_State *L) {
  struct bl_lpool *p = bl_lpool_idle(L, "slice");
  luaL_checktype(L, LIST, LUA_TTABLE);
  lua_Integer first = luaL_checkinteger(L, 3), last = luaL_checkinteger(L, 4);
  int is_plain = !lua_getmetatable(L, LIST);
  bl_buf_cut(&p->out, 0);
  if (is_plain && first <= last &&
      bl_lpack_range(L, LIST, first, (size_t)(last - first + 1), &p->out) == 0)
    lua_pushlstring(L, bl_buf_front(&p->out), bl_buf_length(&p->out));
  else
    push_slice(L, first, last);
  empty(p);
  return 1;
}
