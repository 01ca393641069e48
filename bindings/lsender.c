/* SPDX-License-Identifier: MIT */
#include "bindings/lsender.h"

#include "bindings/lcodec.h"
#include "bindings/lconnection.h"
#include "bindings/lopt.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/interrupt.h"

#define OUTBOX "billiard.outbox"
#define ROOM "billiard.room"

enum { KEPT_MAX = 1 << 20 }; /* bytes of a buffer that is kept */

/* A message that is being sent. One is kept for all sends that succeed at
 * once; one that must wait gets one of its own. */
struct outbox {
  struct bl_buf bytes;
  struct bl_lhandles handles;
  int copies;  /* descriptors in it that are ours */
  int busy;    /* the kept one: a __pack sends something itself */
  int waiting; /* counted in the connection's waiters */
};

/* Slots of the stack while it is sent. */
enum { CONNECTION = 1, VALUE, BOX, TAIL }; /* TAIL: bytes as they lie */

static void reset(struct outbox *box) {
  if (box->bytes.size > KEPT_MAX) bl_buf_reset(&box->bytes);
  else bl_buf_cut(&box->bytes, 0);
  box->handles.n = 0;
}

static void close_copies(struct outbox *box) {
  while (box->copies > 0) bl_fd_close(box->handles.fds[--box->copies]);
}

static int outbox_gc(lua_State *L) {
  struct outbox *box = lua_touserdata(L, 1);
  bl_buf_reset(&box->bytes);
  close_copies(box);
  return 0;
}

static struct outbox *new_outbox(lua_State *L) {
  struct outbox *box = bl_compat_newuserdata(L, sizeof *box, 0);
  box->bytes = (struct bl_buf){0};
  box->handles.n = 0;
  box->copies = box->busy = box->waiting = 0;
  luaL_setmetatable(L, OUTBOX);
  return box;
}

/* Pushes an empty one. */
static struct outbox *take_outbox(lua_State *L) {
  struct outbox *kept = lua_touserdata(L, lua_upvalueindex(1));
  if (kept->busy) return new_outbox(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  return kept;
}

/* The message of the kept one moves to one of its own, in its slot, with
 * copies of the descriptors: while it waits, others may close their objects.
 * 0 or -errno. */
static int move_out(lua_State *L, struct outbox *kept) {
  struct outbox *own = new_outbox(L);
  struct bl_buf empty = own->bytes;
  own->bytes = kept->bytes;
  kept->bytes = empty;
  lua_replace(L, BOX);
  for (; own->copies < kept->handles.n; own->copies++) {
    int fd = bl_fd_copy(kept->handles.fds[own->copies]);
    if (fd < 0) return fd;
    own->handles.fds[own->copies] = fd;
  }
  own->handles.n = own->copies;
  kept->handles.n = 0;
  return 0;
}

/* ---- sending ---- */

static int send_now(lua_State *L, struct bl_channel *channel,
                    int64_t until_ns) {
  struct outbox *box = lua_touserdata(L, BOX);
  struct iovec parts[2] = {
      {(void *)(uintptr_t)bl_buf_front(&box->bytes),
       bl_buf_length(&box->bytes)}};
  int n = 1;
  if (lua_isstring(L, TAIL)) {
    size_t size;
    parts[n].iov_base = (void *)(uintptr_t)lua_tolstring(L, TAIL, &size);
    parts[n++].iov_len = size;
  }
  return bl_channel_send(channel, parts, n, box->handles.fds, box->handles.n,
                         until_ns);
}

static int send_look(lua_State *L, int64_t until_ns) {
  struct bl_lconnection *c = lua_touserdata(L, CONNECTION);
  struct outbox *box = lua_touserdata(L, BOX);
  int r = 0;
  if (box->waiting) r = bl_lconnection_wait_end(c);
  box->waiting = 0;
  if (r == 0 && (!c->channel || c->closing)) r = BL_ECLOSED;
  return r < 0 ? r : send_now(L, c->channel, until_ns);
}

static int send_done(lua_State *L, int r) {
  close_copies(lua_touserdata(L, BOX));
  if (r < 0) return bl_lconnection_failed(L, r, "send");
  lua_pushboolean(L, 1);
  return 1;
}

/* What a waiter waits for: room in the connection, by its own fd. */
static int send_object(lua_State *L) {
  struct outbox *box = lua_touserdata(L, BOX);
  bl_compat_newuserdata(L, 0, 1);
  lua_pushvalue(L, CONNECTION);
  bl_compat_setvalue(L, -2, 1);
  luaL_setmetatable(L, ROOM);
  bl_lconnection_wait_begin(lua_touserdata(L, CONNECTION));
  box->waiting = 1;
  return 0;
}

/* The message is in the outbox, whose slot is BOX, and in TAIL. */
static int carry_out(lua_State *L, struct bl_lconnection *c,
                     int64_t deadline_ns) {
  static const struct bl_lcall call = {send_look, send_object, send_done};
  struct outbox *box = lua_touserdata(L, BOX);
  int r = c->channel ? send_now(L, c->channel, 0) : BL_ECLOSED;
  if (r != BL_ETIMEOUT && r != BL_EINTR && !bl_interrupt_is(r)) {
    reset(box);
    return send_done(L, r);
  }
  r = move_out(L, box);
  if (r < 0) return send_done(L, r);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

static struct bl_lconnection *check_writable(lua_State *L, const char *what) {
  struct bl_lconnection *c = bl_lconnection_check(L, what);
  if (!bl_channel_writable(c->channel))
    luaL_error(L, "%s: this end only receives", what);
  return c;
}

static void pack_value(lua_State *L, const struct bl_lconnection *c,
                       struct outbox *box) {
  box->handles.profile = bl_lconnection_sends(c);
  box->handles.starting = 0;
  box->busy = 1;
  int r = bl_lcodec_give(L, VALUE, "value", &box->handles, &box->bytes);
  box->busy = 0;
  if (r < 0) {
    reset(box);
    lua_error(L);
  }
  lua_pushnil(L);
}

/* send(value, [timeout]) */
static int connection_send(lua_State *L) {
  struct bl_lconnection *c = check_writable(L, "send");
  luaL_checkany(L, 2);
  int64_t deadline_ns = bl_lopt_deadline(L, 3);
  lua_settop(L, VALUE);
  struct outbox *box = take_outbox(L);
  reset(box); /* what an error left */
  if (bl_lcodec_head(L, VALUE, &box->bytes))
    lua_pushvalue(L, VALUE);
  else
    pack_value(L, c, box);
  return carry_out(L, c, deadline_ns); /* a __pack may have closed it */
}

/* ---- bytes ---- */

/* A position in a string of n bytes, negative from its end, between two. */
static size_t check_position(lua_State *L, int arg, size_t n,
                             lua_Integer otherwise, size_t least,
                             size_t most) {
  lua_Integer given = luaL_optinteger(L, arg, otherwise);
  lua_Integer i = given < 0 ? given + (lua_Integer)n + 1 : given;
  if (i < (lua_Integer)least || i > (lua_Integer)most)
    luaL_argerror(L, arg,
                  lua_pushfstring(L, "position %I is outside of the string: "
                                     "use %I to %I, or negative from its end",
                                  given, (lua_Integer)least,
                                  (lua_Integer)most));
  return (size_t)i;
}

/* send_bytes(s, [i], [j], [timeout]) */
static int connection_send_bytes(lua_State *L) {
  struct bl_lconnection *c = check_writable(L, "send_bytes");
  size_t n;
  luaL_argexpected(L, lua_type(L, 2) == LUA_TSTRING, 2, "string");
  lua_tolstring(L, 2, &n);
  size_t i = check_position(L, 3, n, 1, 1, n + 1);
  size_t j = check_position(L, 4, n, -1, 0, n);
  int64_t deadline_ns = bl_lopt_deadline(L, 5);
  lua_settop(L, VALUE);
  struct outbox *box = take_outbox(L);
  reset(box);
  if (i == 1 && j == n) {
    lua_pushvalue(L, VALUE);
  } else {
    const char *s = lua_tostring(L, VALUE);
    lua_pushlstring(L, s + i - 1, j >= i ? j - i + 1 : 0);
  }
  return carry_out(L, c, deadline_ns);
}

/* ---- room, for a waiter ---- */

static struct bl_lconnection *connection_of(lua_State *L) {
  luaL_checkudata(L, 1, ROOM);
  bl_compat_getvalue(L, 1, 1);
  return lua_touserdata(L, -1);
}

static int room_pollfd(lua_State *L) {
  struct bl_lconnection *c = connection_of(L);
  int fd = c->channel ? bl_channel_room_fd(c->channel) : BL_ECLOSED;
  if (fd < 0) return 0;
  lua_pushinteger(L, fd);
  return 1;
}

static int room_events(lua_State *L) {
  lua_pushliteral(L, "r");
  return 1;
}

static int room_timeout(lua_State *L) {
  struct bl_lconnection *c = connection_of(L);
  int64_t ns = c->channel ? bl_channel_room_due(c->channel) : 0;
  lua_pushnumber(L, (lua_Number)ns / BL_SECOND_NS);
  return 1;
}

static void new_room_type(lua_State *L) {
  static const luaL_Reg methods[] = {{"pollfd", room_pollfd},
                                     {"events", room_events},
                                     {"timeout", room_timeout},
                                     {NULL, NULL}};
  luaL_newmetatable(L, ROOM);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void bl_lsender_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", connection_send},
                                     {"send_bytes", connection_send_bytes},
                                     {NULL, NULL}};
  new_room_type(L);
  luaL_newmetatable(L, OUTBOX);
  lua_pushcfunction(L, outbox_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  bl_lconnection_methods(L);
  new_outbox(L);
  luaL_setfuncs(L, methods, 1);
  lua_pop(L, 1);
}
