/* SPDX-License-Identifier: MIT */
/* Each item of a task of many fails by itself, also where its result cannot
 * travel. */
#include <string.h>

#include "bindings/lerror.h"
#include "bindings/linterrupt.h"
#include "bindings/lpack.h"
#include "bindings/lreport.h"
#include "bindings/ltask.h"
#include "bindings/lunpack.h"
#include "bindings/lwork_impl.h"
#include "runtime/fd.h"
#include "runtime/limit.h"
#include "runtime/packet.h"

/* Further slots of the stack; ERRORS: nil while there are none. */
enum { VALUES = BL_LWORK_ARGS + 1, ERRORS, HANDLER };

/* ---- one item ---- */

/* Pushes the function. Objects that it holds get copies of the descriptors: it
 * may be made again. */
static void push_function(lua_State *L, struct bl_lwork *w) {
  int fds[BL_PACKET_FDS];
  struct bl_lreceived m = w->each;
  if (!m.bytes) {
    lua_pushvalue(L, BL_LWORK_FUNCTION);
    return;
  }
  for (int i = 0; i < m.n; i++) fds[i] = bl_fd_copy(m.fds[i]);
  m.fds = fds;
  w->fds += m.n;
  int n = bl_lcodec_take(L, &m, BL_PROFILE_DOWN);
  for (int i = 0; i < m.n; i++) bl_fd_close(fds[i]);
  if (n < 0) lua_error(L);
  if (n > 1) bl_lwork_fail(L, BL_LWORK_BAD_FUNCTION, lua_tostring(L, -2));
}

/* Pushes the item, or the arguments that it holds; how many. */
static int push_arguments(lua_State *L, const struct bl_lwork *w,
                          const struct bl_unpack_item *flat) {
  if (w->flat) bl_lunpack_flat(L, flat);
  else lua_rawgeti(L, BL_LWORK_ARGS, w->item);
  if (w->task->mode == BL_LTASK_MAP) return 1;
  if (!lua_istable(L, -1))
    bl_lwork_fail(L, "the item holds no arguments: it is a %s, not a table",
                  luaL_typename(L, -1));
  int item = lua_gettop(L), n = bl_lwork_spread(L, item);
  lua_remove(L, item);
  return n;
}

/* Pushes the first value that the call of the item returns. */
static void do_item(lua_State *L, struct bl_lwork *w) {
  struct bl_unpack_item flat = {.kind = BL_UNPACK_NIL};
  if (w->flat) bl_unpack_next(&w->in, &flat);
  if (bl_limit_requested()) bl_lerror_raise(L, BL_ETERMINATED);
  push_function(L, w);
  int n = push_arguments(L, w, &flat);
  bl_linterrupt_enter(L);
  lua_call(L, n, 1);
  bl_linterrupt_leave(L);
}

/* ---- results: into the reply, while none of them has parts or fails ---- */

static void begin_stream(struct bl_lwork *w, lua_Integer n) {
  w->streams = n >= 0 && bl_pack_array(w->reply, (size_t)n) == 0;
  w->begin = bl_buf_length(w->reply);
}

/* Those of the items before this one become values. */
static void end_stream(lua_State *L, struct bl_lwork *w) {
  if (!w->streams) return;
  const char *front = bl_buf_front(w->reply);
  struct bl_unpack u = {front + w->begin, front + bl_buf_length(w->reply)};
  w->streams = 0;
  bl_lunpack_fill(L, VALUES, 1, (ptrdiff_t)w->item - 1, &u);
  bl_buf_cut(w->reply, 0);
}

/* Keeps the result on top. */
static void keep(lua_State *L, struct bl_lwork *w) {
  if (w->streams && bl_lpack_flat(L, lua_type(L, -1), w->reply) == 0) {
    lua_pop(L, 1);
    return;
  }
  end_stream(L, w);
  lua_rawseti(L, VALUES, w->item);
}

/* work function args values: does the item and those behind it. */
static int do_rest(lua_State *L) {
  struct bl_lwork *w = lua_touserdata(L, BL_LWORK);
  for (; w->item <= w->items; w->item++) {
    do_item(L, w);
    keep(L, w);
  }
  return 0;
}

/* ---- all ---- */

/* The error on top becomes that of item i. */
static void note_error(lua_State *L, struct bl_lwork *w, lua_Integer i) {
  bl_linterrupt_leave(L);
  if (lua_isnil(L, ERRORS)) {
    lua_newtable(L);
    lua_replace(L, ERRORS);
  }
  bl_lreport_seal(L, w->scratch);
  lua_rawseti(L, ERRORS, i);
}

static lua_Integer count(lua_State *L, const struct bl_lwork *w) {
  if (w->flat) return w->items;
  lua_Integer n = (lua_Integer)lua_rawlen(L, BL_LWORK_ARGS);
  if (lua_getfield(L, BL_LWORK_ARGS, "n") == LUA_TNUMBER)
    n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

/* Goes on behind one that failed. */
static void do_items(lua_State *L, struct bl_lwork *w, lua_Integer n) {
  w->items = n;
  for (w->item = 1; w->item <= n; w->item++) {
    lua_pushcfunction(L, do_rest);
    for (int slot = BL_LWORK; slot <= VALUES; slot++) lua_pushvalue(L, slot);
    if (lua_pcall(L, VALUES, 0, HANDLER) == LUA_OK) continue;
    end_stream(L, w);
    note_error(L, w, w->item);
  }
}

/* ---- what came, what goes ---- */

/* Where no item has parts they are taken from the message one by one: 1; else
 * 0. */
static int open_flat(struct bl_lwork *w, const struct bl_lreceived *m) {
  if (m->n > 0) return 0;
  w->items = bl_lunpack_open(&w->in, m->bytes, m->size);
  w->flat = w->items >= 0 && bl_unpack_is_flat(w->in, (size_t)w->items);
  return w->flat;
}

/* Leaves the function at FUNCTION, where it is the same for all, and the items
 * at ARGS, where they are not flat. */
static void take_apart(lua_State *L, struct bl_lwork *w) {
  const struct bl_worker_task *t = w->task;
  struct bl_lreceived m = {t->bytes, t->size, t->message->fds, t->message->n};
  if (t->share) {
    bl_lwork_share(L, w);
  } else {
    struct bl_ltask_head head = {0};
    lua_pushnil(L);
    if (t->size >= sizeof head) memcpy(&head, t->bytes, sizeof head);
    if (head.size == 0 || head.size > t->size - sizeof head ||
        head.n > (uint64_t)m.n)
      bl_lwork_fail(L, BL_LWORK_BAD_ARGS, "they are incomplete");
    w->each = (struct bl_lreceived){t->bytes + sizeof head, head.size, m.fds,
                                    (int)head.n};
    m = (struct bl_lreceived){w->each.bytes + head.size,
                              t->size - sizeof head - head.size,
                              m.fds + head.n, m.n - (int)head.n};
  }
  w->fds = m.n;
  if (open_flat(w, &m)) lua_pushnil(L);
  else bl_lwork_unpack(L, &m, BL_LWORK_BAD_ARGS);
}

/* Takes out what cannot travel. */
static void sort_out(lua_State *L, struct bl_lwork *w, lua_Integer n) {
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, VALUES, i);
    int r = bl_lwork_pack(L, "result", w->scratch);
    bl_buf_cut(w->scratch, 0);
    if (r < 0) {
      note_error(L, w, i);
      lua_pushnil(L);
      lua_rawseti(L, VALUES, i);
    }
    lua_settop(L, HANDLER);
  }
}

/* Where a value is missing the table does not tell how many there are. */
static void count_values(lua_State *L, lua_Integer n) {
  for (lua_Integer i = 1; i <= n; i++) {
    int type = lua_rawgeti(L, VALUES, i);
    lua_pop(L, 1);
    if (type != LUA_TNIL) continue;
    lua_pushinteger(L, n);
    lua_setfield(L, VALUES, "n");
    return;
  }
}

/* Appends what came of all items: 0, or -1 with the error on top. */
static int pack(lua_State *L, struct bl_lwork *w, lua_Integer n) {
  int failures = !lua_isnil(L, ERRORS);
  w->status = failures ? BL_LTASK_FAILURES : BL_LTASK_ITEMS;
  if (!failures && bl_lpack_range(L, VALUES, 1, (size_t)n, w->reply) == 0)
    return 0;
  count_values(L, n);
  if (failures) {
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, VALUES);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, ERRORS);
    lua_rawseti(L, -2, 2);
  } else {
    lua_pushvalue(L, VALUES);
  }
  return bl_lwork_pack(L, "result", w->reply);
}

void bl_lwork_map(lua_State *L, struct bl_lwork *w) {
  take_apart(L, w);
  lua_Integer n = count(L, w);
  lua_newtable(L);
  lua_pushnil(L);
  lua_pushcfunction(L, bl_lreport_describe);
  begin_stream(w, n);
  do_items(L, w, n);
  w->status = BL_LTASK_ITEMS;
  if (w->streams || pack(L, w, n) == 0) return;
  lua_settop(L, HANDLER);
  sort_out(L, w, n);
  if (pack(L, w, n) < 0) lua_error(L);
}
