/* SPDX-License-Identifier: MIT */
#include "bindings/lreceiver.h"

#include "bindings/lcodec.h"
#include "bindings/lconnection.h"
#include "bindings/lopt.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"

#define INBOX "billiard.inbox"

/* A message that is being received: it must not get lost by an error. One is
 * kept; while that is in use, a call gets one of its own. */
struct inbox {
  struct bl_message message;
  int full;
  int busy;
  int waiting; /* counted in the connection's waiters */
};

/* Slots of the stack while it is received. */
enum { CONNECTION = 1, BOX, MOST };

static void empty(struct inbox *box) {
  if (box->full) bl_message_drop(&box->message);
  box->full = 0;
}

static int inbox_gc(lua_State *L) {
  empty(lua_touserdata(L, 1));
  return 0;
}

static struct inbox *new_inbox(lua_State *L) {
  struct inbox *box = bl_compat_newuserdata(L, sizeof *box, 0);
  box->full = box->busy = box->waiting = 0;
  luaL_setmetatable(L, INBOX);
  return box;
}

/* Pushes a free one. */
static void take_inbox(lua_State *L) {
  struct inbox *kept = lua_touserdata(L, lua_upvalueindex(1));
  if (kept->busy) {
    /* by an outer call, or for ever by one that ended in an error */
    kept = new_inbox(L);
    lua_pushvalue(L, -1);
    lua_replace(L, lua_upvalueindex(1));
  } else {
    lua_pushvalue(L, lua_upvalueindex(1));
  }
  kept->busy = 1;
}

static void leave_inbox(struct inbox *box) {
  empty(box);
  box->busy = 0;
}

/* ---- what the calls share ---- */

/* 0: go on; BL_ECLOSED: somebody closed it meanwhile. */
static int still_open(struct bl_lconnection *c, struct inbox *box) {
  int r = 0;
  if (box->waiting) r = bl_lconnection_wait_end(c);
  box->waiting = 0;
  return r == 0 && (!c->channel || c->closing) ? BL_ECLOSED : r;
}

static int wait_object(lua_State *L) {
  struct inbox *box = lua_touserdata(L, BOX);
  struct bl_lconnection *c = lua_touserdata(L, CONNECTION);
  int fd = bl_channel_fd(c->channel);
  if (fd < 0) return fd;
  bl_lconnection_wait_begin(c);
  box->waiting = 1;
  lua_pushvalue(L, CONNECTION);
  return 0;
}

static struct bl_lconnection *check_readable(lua_State *L, const char *what) {
  struct bl_lconnection *c = bl_lconnection_check(L, what);
  if (!bl_channel_readable(c->channel))
    luaL_error(L, "%s: this end only sends", what);
  return c;
}

static int receive_look(lua_State *L, int64_t until_ns) {
  struct bl_lconnection *c = lua_touserdata(L, CONNECTION);
  struct inbox *box = lua_touserdata(L, BOX);
  int r = still_open(c, box);
  if (r < 0) return r;
  r = bl_channel_receive(c->channel, &box->message,
                         (size_t)lua_tointeger(L, MOST), until_ns);
  box->full = r == 0;
  return r;
}

static int failed(lua_State *L, int r, const char *what) {
  leave_inbox(lua_touserdata(L, BOX));
  return bl_lconnection_failed(L, r, what);
}

/* A look without waiting, before the first that waits, would cost a system
 * call for each message of a sender that is no faster than we are. */
static int receive(lua_State *L, lua_Integer most, int64_t deadline_ns,
                   const struct bl_lcall *call) {
  lua_settop(L, CONNECTION);
  take_inbox(L);
  lua_pushinteger(L, most);
  return bl_lwaiter_call(L, call, deadline_ns);
}

/* ---- recv ---- */

static int recv_done(lua_State *L, int r) {
  if (r < 0) return failed(L, r, "recv");
  const struct bl_lconnection *c = lua_touserdata(L, CONNECTION);
  struct inbox *box = lua_touserdata(L, BOX);
  struct bl_message *m = &box->message;
  struct bl_lreceived in = {m->bytes, m->size, m->fds, m->n};
  int n = bl_lcodec_take(L, &in, bl_lconnection_accepts(c));
  leave_inbox(box);
  return n < 0 ? lua_error(L) : n;
}

static int connection_recv(lua_State *L) {
  static const struct bl_lcall call = {receive_look, wait_object, recv_done};
  check_readable(L, "recv");
  return receive(L, LUA_MAXINTEGER, bl_lopt_deadline(L, 2), &call);
}

/* ---- recv_bytes ---- */

static int recv_bytes_done(lua_State *L, int r) {
  if (r < 0) return failed(L, r, "recv_bytes");
  struct inbox *box = lua_touserdata(L, BOX);
  lua_pushlstring(L, box->message.bytes, box->message.size);
  leave_inbox(box);
  return 1;
}

/* recv_bytes([timeout], [maxlength]) */
static int connection_recv_bytes(lua_State *L) {
  static const struct bl_lcall call = {receive_look, wait_object,
                                       recv_bytes_done};
  check_readable(L, "recv_bytes");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  lua_Integer most = luaL_optinteger(L, 3, LUA_MAXINTEGER);
  luaL_argcheck(L, most >= 0, 3, "a number of bytes must not be negative");
  return receive(L, most, deadline_ns, &call);
}

/* ---- poll ---- */

static int poll_look(lua_State *L, int64_t until_ns) {
  struct bl_lconnection *c = lua_touserdata(L, CONNECTION);
  int r = still_open(c, lua_touserdata(L, BOX));
  return r < 0 ? r : bl_channel_look(c->channel, until_ns);
}

static int poll_done(lua_State *L, int r) {
  leave_inbox(lua_touserdata(L, BOX));
  if (r < 0 && r != BL_ETIMEOUT) return bl_lconnection_failed(L, r, "poll");
  lua_pushboolean(L, r > 0);
  return 1;
}

/* poll([timeout = 0]) -> is there something, or the end? */
static int connection_poll(lua_State *L) {
  static const struct bl_lcall call = {poll_look, wait_object, poll_done};
  check_readable(L, "poll");
  int64_t deadline_ns = lua_isnoneornil(L, 2) ? 0 : bl_lopt_deadline(L, 2);
  lua_settop(L, CONNECTION);
  take_inbox(L);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

void bl_lreceiver_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"recv", connection_recv},
                                     {"recv_bytes", connection_recv_bytes},
                                     {"poll", connection_poll},
                                     {NULL, NULL}};
  luaL_newmetatable(L, INBOX);
  lua_pushcfunction(L, inbox_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  bl_lconnection_methods(L);
  new_inbox(L);
  luaL_setfuncs(L, methods, 1);
  lua_pop(L, 1);
}
