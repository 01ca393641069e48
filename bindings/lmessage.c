/* SPDX-License-Identifier: MIT */
#include "bindings/lmessage.h"

#include <stdint.h>

#include "bindings/lcodec.h"
#include "bindings/lconnection.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lscratch.h"
#include "bindings/lwaiter.h"
#include "runtime/clock.h"
#include "runtime/error.h"

#define ROOM "billiard.Room"

/* Stack of all calls: connection, value or bytes, then what the slots say. */
enum { SELF = 1, VALUE, SCRATCH, FROM, SIZE, WAITS };

static struct bl_lconnection *check_readable(lua_State *L, const char *what) {
  struct bl_lconnection *c = bl_lconnection_check(L, what);
  if (!bl_channel_readable(c->channel))
    luaL_error(L, "%s: this end of the pipe only sends", what);
  return c;
}

static struct bl_lconnection *check_writable(lua_State *L, const char *what) {
  struct bl_lconnection *c = bl_lconnection_check(L, what);
  if (!bl_channel_writable(c->channel))
    luaL_error(L, "%s: this end of the pipe only receives", what);
  return c;
}

/* ---- what waits, where there is a waiter ---- */

static void begin_wait(lua_State *L) {
  bl_lconnection_enter(lua_touserdata(L, SELF));
  lua_pushboolean(L, 1);
  lua_replace(L, WAITS);
}

/* The connection, when the waiter has come back; null if it was closed. */
static struct bl_lconnection *end_wait(lua_State *L) {
  struct bl_lconnection *c = lua_touserdata(L, SELF);
  int open = c->open;
  if (lua_toboolean(L, WAITS)) {
    lua_pushboolean(L, 0);
    lua_replace(L, WAITS);
    bl_lconnection_leave(c);
  }
  return open ? c : NULL;
}

static int wait_for_message(lua_State *L) {
  begin_wait(L);
  lua_pushvalue(L, SELF);
  return 0;
}

/* ---- send ---- */

/* From here on a string is sent from where it lies. */
enum { IN_PLACE = 1024 };

static struct iovec part(const char *bytes, size_t size) {
  return (struct iovec){(char *)(uintptr_t)bytes, size};
}

static int send_look(lua_State *L, int64_t until_ns) {
  struct bl_lconnection *c = end_wait(L);
  if (!c) return BL_ECLOSED;
  struct bl_lscratch *s = lua_touserdata(L, SCRATCH);
  struct iovec parts[2];
  int n = 0;
  if (s)
    parts[n++] = part(bl_buf_front(&s->bytes), bl_buf_length(&s->bytes));
  size_t size = (size_t)lua_tointeger(L, SIZE);
  if (size > 0)
    parts[n++] = part(lua_tostring(L, VALUE) + lua_tointeger(L, FROM), size);
  return bl_channel_send(c->channel, parts, n, s ? s->handles.fds : NULL,
                         s ? s->copies : 0, until_ns);
}

static int wait_for_room(lua_State *L) {
  begin_wait(L);
  bl_compat_getvalue(L, SELF, BL_LUV_ROOM);
  if (!lua_isnil(L, -1)) return 0;
  lua_pop(L, 1);
  bl_compat_newuserdata(L, 0, 1);
  luaL_setmetatable(L, ROOM);
  lua_pushvalue(L, SELF);
  bl_compat_setvalue(L, -2, 1);
  lua_pushvalue(L, -1);
  bl_compat_setvalue(L, SELF, BL_LUV_ROOM);
  return 0;
}

/* What the channel says, in words. */
static int fail(lua_State *L, int r, const char *what) {
  if (r != BL_EBADFRAME) return bl_lerror_return(L, r, what);
  lua_pushnil(L);
  luaL_tolstring(L, SELF, NULL);
  lua_pushfstring(L, "who holds the other end of %s has broken it (%s)",
                  lua_tostring(L, -1), what);
  lua_remove(L, -2);
  lua_pushstring(L, bl_error_name(r)); /* nil sentence code */
  return 3;
}

static int sent(lua_State *L, int r, const char *what) {
  struct bl_lscratch *s = lua_touserdata(L, SCRATCH);
  if (s) bl_lscratch_give(s);
  if (r < 0) return fail(L, r, what);
  lua_pushboolean(L, 1);
  return 1;
}

static int send_done(lua_State *L, int r) { return sent(L, r, "send"); }

static int send_bytes_done(lua_State *L, int r) {
  return sent(L, r, "send_bytes");
}

/* The stack ends with SCRATCH; size bytes of VALUE are to follow it. */
static int send_now(lua_State *L, const struct bl_lcall *call, size_t from,
                    size_t size, int64_t deadline_ns) {
  lua_pushinteger(L, (lua_Integer)from);
  lua_pushinteger(L, (lua_Integer)size);
  lua_pushboolean(L, 0);
  return bl_lwaiter_call(L, call, deadline_ns);
}

/* Packs VALUE into *s. 0 or -errno; raises what cannot travel. */
static int pack(lua_State *L, const struct bl_lconnection *c,
                struct bl_lscratch *s) {
  s->handles.profile = bl_lconnection_sends(c);
  if (bl_lcodec_give(L, VALUE, "value", &s->handles, &s->bytes) == 0)
    return bl_lscratch_copy(s);
  bl_lscratch_give(s);
  return lua_error(L);
}

/* send(value, [timeout]) */
static int connection_send(lua_State *L) {
  static const struct bl_lcall call = {send_look, wait_for_room, send_done};
  struct bl_lconnection *c = check_writable(L, "send");
  luaL_checkany(L, VALUE);
  int64_t deadline_ns = bl_lopt_deadline(L, 3);
  lua_settop(L, VALUE);
  struct bl_lscratch *s = bl_lscratch_take(L);
  size_t size = lua_type(L, VALUE) == LUA_TSTRING ? lua_rawlen(L, VALUE) : 0;
  if (size < IN_PLACE) size = 0;
  int r = size ? bl_pack_binary(&s->bytes, size) : pack(L, c, s);
  if (r == BL_ETOOBIG) r = pack(L, c, s); /* raises, as such a string does */
  return r < 0 ? send_done(L, r) : send_now(L, &call, 0, size, deadline_ns);
}

/* A position as string.sub has it, but within what there is. */
static lua_Integer position(lua_State *L, int arg, lua_Integer otherwise,
                            lua_Integer first, lua_Integer last) {
  lua_Integer at = luaL_optinteger(L, arg, otherwise);
  if (at < 0) at += (lua_Integer)lua_rawlen(L, VALUE) + 1;
  luaL_argcheck(L, at >= first && at <= last, arg, "outside of the string");
  return at;
}

/* send_bytes(string, [i], [j], [timeout]) */
static int connection_send_bytes(lua_State *L) {
  static const struct bl_lcall call = {send_look, wait_for_room,
                                       send_bytes_done};
  check_writable(L, "send_bytes");
  luaL_argexpected(L, lua_type(L, VALUE) == LUA_TSTRING, VALUE, "string");
  lua_Integer n = (lua_Integer)lua_rawlen(L, VALUE);
  lua_Integer i = position(L, 3, 1, 1, n + 1);
  lua_Integer j = position(L, 4, n, i - 1, n);
  int64_t deadline_ns = bl_lopt_deadline(L, 5);
  lua_settop(L, VALUE);
  lua_pushnil(L);
  return send_now(L, &call, (size_t)(i - 1), (size_t)(j - i + 1),
                  deadline_ns);
}

/* ---- receive: VALUE is the most bytes there may be ---- */

static int receive_look(lua_State *L, int64_t until_ns) {
  struct bl_lconnection *c = end_wait(L);
  if (!c) return BL_ECLOSED;
  struct bl_lscratch *s = bl_lscratch_take(L);
  lua_replace(L, SCRATCH);
  int r = bl_channel_receive(c->channel, &s->message,
                             (size_t)lua_tointeger(L, VALUE), until_ns);
  if (r == 0) s->received = 1;
  else bl_lscratch_give(s);
  return r;
}

static int recv_done(lua_State *L, int r) {
  if (r < 0) return fail(L, r, "recv");
  struct bl_lscratch *s = lua_touserdata(L, SCRATCH);
  const struct bl_lreceived m = {s->message.bytes, s->message.size,
                                 s->message.fds, s->message.n};
  const struct bl_lconnection *c = lua_touserdata(L, SELF);
  int results = bl_lcodec_take(L, &m, bl_lconnection_accepts(c));
  bl_lscratch_give(s);
  return results < 0 ? lua_error(L) : results;
}

static int recv_bytes_done(lua_State *L, int r) {
  if (r < 0) return fail(L, r, "recv_bytes");
  struct bl_lscratch *s = lua_touserdata(L, SCRATCH);
  lua_pushlstring(L, s->message.bytes, s->message.size);
  bl_lscratch_give(s);
  return 1;
}

static int receive(lua_State *L, const struct bl_lcall *call, lua_Integer max,
                   int64_t deadline_ns) {
  lua_settop(L, SELF);
  lua_pushinteger(L, max);
  lua_settop(L, SIZE);
  lua_pushboolean(L, 0);
  return bl_lwaiter_call(L, call, deadline_ns);
}

/* recv([timeout]) */
static int connection_recv(lua_State *L) {
  static const struct bl_lcall call = {receive_look, wait_for_message,
                                       recv_done};
  check_readable(L, "recv");
  return receive(L, &call, LUA_MAXINTEGER, bl_lopt_deadline(L, 2));
}

/* recv_bytes([timeout], [maxlength]) */
static int connection_recv_bytes(lua_State *L) {
  static const struct bl_lcall call = {receive_look, wait_for_message,
                                       recv_bytes_done};
  check_readable(L, "recv_bytes");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  lua_Integer max = luaL_optinteger(L, 3, LUA_MAXINTEGER);
  luaL_argcheck(L, max >= 0, 3, "a number of bytes must not be negative");
  return receive(L, &call, max, deadline_ns);
}

/* ---- poll ---- */

static int poll_look(lua_State *L, int64_t until_ns) {
  struct bl_lconnection *c = end_wait(L);
  return c ? bl_channel_look(c->channel, until_ns) : BL_ECLOSED;
}

static int poll_done(lua_State *L, int r) {
  int waits = r == BL_ETIMEOUT || r == BL_EINTR;
  if (r < 0 && !waits && r != BL_ECLOSED) return fail(L, r, "poll");
  lua_pushboolean(L, !waits);
  return 1;
}

/* poll([timeout = 0]): is there a message, or the end? */
static int connection_poll(lua_State *L) {
  static const struct bl_lcall call = {poll_look, wait_for_message,
                                       poll_done};
  check_readable(L, "poll");
  int now = lua_isnoneornil(L, 2);
  return receive(L, &call, 0, now ? bl_now_ns() : bl_lopt_deadline(L, 2));
}

/* ---- in a loop of somebody else's ---- */

static int push_fd(lua_State *L, int fd, const char *what) {
  if (fd < 0) return bl_lerror_return(L, fd, what);
  lua_pushinteger(L, fd);
  return 1;
}

/* Also of one that was closed while somebody waits on it. */
static int connection_fd(lua_State *L, const char *what) {
  struct bl_lconnection *c = bl_lconnection_test(L, SELF);
  if (!c || !c->channel) c = bl_lconnection_check(L, what);
  return push_fd(L, bl_channel_fd(c->channel), what);
}

static int connection_fileno(lua_State *L) {
  return connection_fd(L, "fileno");
}
static int connection_pollfd(lua_State *L) {
  return connection_fd(L, "pollfd");
}
static int connection_getfd(lua_State *L) { return connection_fd(L, "getfd"); }

static int connection_events(lua_State *L) {
  (void)luaL_checkudata(L, SELF, BL_LCONNECTION);
  lua_pushliteral(L, "r");
  return 1;
}

/* Nothing is ever due. */
static int connection_timeout(lua_State *L) {
  (void)luaL_checkudata(L, SELF, BL_LCONNECTION);
  return 0;
}

static int connection_dirty(lua_State *L) {
  struct bl_lconnection *c = bl_lconnection_check(L, "dirty");
  int there = bl_channel_readable(c->channel) &&
              bl_channel_look(c->channel, 0) > 0;
  lua_pushboolean(L, there);
  return 1;
}

/* ---- what a sender waits for ---- */

static struct bl_lconnection *of_room(lua_State *L) {
  luaL_checkudata(L, 1, ROOM);
  bl_compat_getvalue(L, 1, 1);
  return lua_touserdata(L, -1);
}

static int room_pollfd(lua_State *L) {
  struct bl_lconnection *c = of_room(L);
  return c->channel ? push_fd(L, bl_channel_room_fd(c->channel), "send") : 0;
}

static int room_events(lua_State *L) {
  of_room(L);
  lua_pushliteral(L, "r");
  return 1;
}

static int room_timeout(lua_State *L) {
  struct bl_lconnection *c = of_room(L);
  int64_t due = c->open ? bl_channel_room_due(c->channel) : 0;
  return bl_lopt_push_left(L, bl_deadline_ns(due));
}

static void open_room(lua_State *L) {
  static const luaL_Reg methods[] = {{"pollfd", room_pollfd},
                                     {"events", room_events},
                                     {"timeout", room_timeout},
                                     {NULL, NULL}};
  luaL_newmetatable(L, ROOM);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void bl_lmessage_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"send", connection_send},       {"send_bytes", connection_send_bytes},
      {"recv", connection_recv},       {"recv_bytes", connection_recv_bytes},
      {"poll", connection_poll},       {"fileno", connection_fileno},
      {"pollfd", connection_pollfd},   {"getfd", connection_getfd},
      {"events", connection_events},   {"timeout", connection_timeout},
      {"dirty", connection_dirty},     {NULL, NULL}};
  open_room(L);
  luaL_getmetatable(L, BL_LCONNECTION);
  lua_getfield(L, -1, "methods");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 2);
}
