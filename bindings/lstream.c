/* SPDX-License-Identifier: MIT */
#include "bindings/lstream.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lwaiter.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/self.h"
#include "runtime/stream.h"

#define STREAM "billiard.Stream"

struct lstream {
  struct bl_stream stream;
  pid_t owner;
};

void bl_lstream_new(lua_State *L) {
  struct lstream *s = bl_compat_newuserdata(L, sizeof *s, 0);
  bl_stream_init(&s->stream, BL_FD_NONE);
  s->owner = bl_self_pid();
  luaL_setmetatable(L, STREAM);
}

void bl_lstream_give(lua_State *L, int index, int fd) {
  struct lstream *s = luaL_checkudata(L, index, STREAM);
  bl_stream_init(&s->stream, fd);
}

void bl_lstream_close(lua_State *L, int index) {
  struct lstream *s = luaL_testudata(L, index, STREAM);
  if (s) bl_stream_close(&s->stream);
}

int bl_lstream_fd(lua_State *L, int index) {
  struct lstream *s = luaL_testudata(L, index, STREAM);
  return s && s->owner == bl_self_pid() ? s->stream.fd : BL_FD_NONE;
}

/* The open Stream at index 1; what names the call, for the message. */
static struct bl_stream *check(lua_State *L, const char *what) {
  struct lstream *s = luaL_checkudata(L, 1, STREAM);
  if (s->owner != bl_self_pid())
    luaL_error(L, "%s: Stream belongs to process %d", what, (int)s->owner);
  if (s->stream.fd == BL_FD_NONE)
    luaL_error(L, "%s: Stream is closed", what);
  return &s->stream;
}

/* ---- read: stream what count ---- */

enum { WHAT = 2, COUNT };

enum what { LINE, WHOLE_LINE, ALL, SOME, BYTES };

/* How many bytes are there to be given; 0 when more must be read. */
static size_t at_hand(lua_State *L, const struct bl_stream *s) {
  size_t length = bl_buf_length(&s->read);
  size_t count = (size_t)lua_tointeger(L, COUNT);
  switch ((enum what)lua_tointeger(L, WHAT)) {
    case LINE:
    case WHOLE_LINE: return bl_stream_line(s);
    case SOME: return length;
    case BYTES: return length >= count ? count : 0;
    case ALL: break;
  }
  return 0;
}

/* 1: it is at hand; 0: the stream has ended. */
static int read_look(lua_State *L, int64_t until_ns) {
  struct bl_stream *s = check(L, "read");
  while (at_hand(L, s) == 0) {
    ssize_t n = bl_stream_fill(s, until_ns);
    if (n <= 0) return (int)n;
  }
  return 1;
}

static int give(lua_State *L, struct bl_stream *s, size_t size, size_t skip) {
  lua_pushlstring(L, bl_buf_front(&s->read), size - skip);
  bl_buf_eat(&s->read, size);
  return 1;
}

static int read_done(lua_State *L, int r) {
  if (r < 0) return bl_lerror_return(L, r, "read");
  struct bl_stream *s = check(L, "read");
  enum what what = (enum what)lua_tointeger(L, WHAT);
  size_t rest = bl_buf_length(&s->read);
  if (r > 0) return give(L, s, at_hand(L, s), what == LINE ? 1 : 0);
  if (rest == 0 && what != ALL) return bl_lerror_return(L, BL_ECLOSED, NULL);
  return give(L, s, rest, 0);
}

static int line_done(lua_State *L, int r) {
  int n = read_done(L, r);
  if (!lua_isnil(L, -n)) return 1;
  if (strcmp(lua_tostring(L, -1), "closed") == 0) return n; /* nil first */
  return luaL_error(L, "%s", lua_tostring(L, -2));
}

static int begin(lua_State *L, enum what what, lua_Integer count,
                 int64_t deadline_ns) {
  static const struct bl_lcall call = {read_look, bl_lwaiter_self, read_done};
  lua_settop(L, 1);
  lua_pushinteger(L, what);
  lua_pushinteger(L, count);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

static int stream_read(lua_State *L) {
  struct bl_stream *s = check(L, "read");
  int64_t deadline_ns = bl_lopt_deadline(L, 3);
  if (lua_type(L, 2) == LUA_TNUMBER) {
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 0, 2, "a number of bytes must not be negative");
    return n == 0 ? give(L, s, 0, 0) : begin(L, BYTES, n, deadline_ns);
  }
  const char *format = luaL_optstring(L, 2, "l");
  if (strcmp(format, "l") == 0) return begin(L, LINE, 0, deadline_ns);
  if (strcmp(format, "L") == 0) return begin(L, WHOLE_LINE, 0, deadline_ns);
  if (strcmp(format, "a") == 0) return begin(L, ALL, 0, deadline_ns);
  return luaL_argerror(L, 2, "must be \"l\", \"L\", \"a\" or a number");
}

static int stream_read_some(lua_State *L) {
  check(L, "read_some");
  return begin(L, SOME, 0, bl_lopt_deadline(L, 2));
}

static int next_line(lua_State *L) {
  static const struct bl_lcall call = {read_look, bl_lwaiter_self, line_done};
  check(L, "lines");
  lua_settop(L, 1);
  lua_pushinteger(L, LINE);
  lua_pushinteger(L, 0);
  return bl_lwaiter_call(L, &call, BL_FOREVER);
}

static int stream_lines(lua_State *L) {
  check(L, "lines");
  lua_pushcfunction(L, next_line);
  lua_pushvalue(L, 1);
  return 2;
}

/* ---- write: stream bytes timeout written ---- */

enum { WRITTEN = 4 };

static int write_look(lua_State *L, int64_t until_ns) {
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  size_t done = (size_t)lua_tointeger(L, WRITTEN);
  int r = bl_stream_write(check(L, "write"), bytes, size, until_ns, &done);
  lua_pushinteger(L, (lua_Integer)done);
  lua_replace(L, WRITTEN);
  return r;
}

static int write_done(lua_State *L, int r) {
  if (r == 0) {
    lua_pushvalue(L, 1);
    return 1;
  }
  int n = bl_lerror_return(L, r, "write");
  lua_pushvalue(L, WRITTEN);
  return n + 1;
}

static int stream_write(lua_State *L) {
  static const struct bl_lcall call = {write_look, bl_lwaiter_self,
                                       write_done};
  check(L, "write");
  luaL_checkstring(L, 2); /* a number becomes a string */
  int64_t deadline_ns = bl_lopt_deadline(L, 3);
  lua_settop(L, 3);
  lua_pushinteger(L, 0);
  return bl_lwaiter_call(L, &call, deadline_ns);
}

/* ---- the object ---- */

static int stream_close(lua_State *L) {
  struct lstream *s = luaL_checkudata(L, 1, STREAM);
  bl_stream_close(&s->stream);
  lua_pushboolean(L, 1);
  return 1;
}

static int push_fd(lua_State *L, const char *what) {
  lua_pushinteger(L, check(L, what)->fd);
  return 1;
}

static int stream_fileno(lua_State *L) { return push_fd(L, "fileno"); }
static int stream_pollfd(lua_State *L) { return push_fd(L, "pollfd"); }

static int stream_events(lua_State *L) {
  lua_pushstring(L, check(L, "events")->writes ? "w" : "r");
  return 1;
}

/* Nothing is ever due. */
static int stream_timeout(lua_State *L) {
  check(L, "timeout");
  return 0;
}

static int stream_tostring(lua_State *L) {
  struct lstream *s = luaL_checkudata(L, 1, STREAM);
  if (s->stream.fd == BL_FD_NONE) lua_pushliteral(L, "<Stream(closed)>");
  else lua_pushfstring(L, "<Stream(fd %d)>", s->stream.fd);
  return 1;
}

void bl_lstream_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"read", stream_read},   {"read_some", stream_read_some},
      {"lines", stream_lines}, {"write", stream_write},
      {"close", stream_close}, {"fileno", stream_fileno},
      {"pollfd", stream_pollfd}, {"events", stream_events},
      {"timeout", stream_timeout}, {NULL, NULL}};
  luaL_newmetatable(L, STREAM);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, stream_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, stream_close);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__gc");
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
}
