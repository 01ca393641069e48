/* SPDX-License-Identifier: MIT */
#include "bindings/lstream.h"

#include <string.h>

#include "bindings/linterrupt.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "runtime/base.h"
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

/* Reads ahead once; > 0, 0 at the end, or the error. Raises interrupts. */
static ssize_t fill(lua_State *L, struct bl_stream *s, int64_t deadline_ns) {
  ssize_t n;
  struct bl_lblock b = bl_lblock_begin(L);
  do n = bl_stream_fill(s, deadline_ns);
  while (bl_lblock_again(L, &b, (int)n));
  return n;
}

static int give(lua_State *L, struct bl_stream *s, size_t size, size_t skip) {
  lua_pushlstring(L, bl_buf_front(&s->read), size - skip);
  bl_buf_eat(&s->read, size);
  return 1;
}

static int give_rest(lua_State *L, struct bl_stream *s) {
  size_t size = bl_buf_length(&s->read);
  if (size == 0) return bl_lerror_return(L, BL_ECLOSED, NULL);
  return give(L, s, size, 0);
}

static int read_line(lua_State *L, struct bl_stream *s, int chop,
                     int64_t deadline_ns) {
  for (;;) {
    size_t size = bl_stream_line(s);
    if (size > 0) return give(L, s, size, chop ? 1 : 0);
    ssize_t n = fill(L, s, deadline_ns);
    if (n < 0) return bl_lerror_return(L, (int)n, "read");
    if (n == 0) return give_rest(L, s);
  }
}

static int read_count(lua_State *L, struct bl_stream *s, size_t count,
                      int64_t deadline_ns) {
  while (bl_buf_length(&s->read) < count) {
    ssize_t n = fill(L, s, deadline_ns);
    if (n < 0) return bl_lerror_return(L, (int)n, "read");
    if (n == 0) return give_rest(L, s);
  }
  return give(L, s, count, 0);
}

static int read_all(lua_State *L, struct bl_stream *s, int64_t deadline_ns) {
  ssize_t n;
  while ((n = fill(L, s, deadline_ns)) > 0) {
  }
  if (n < 0) return bl_lerror_return(L, (int)n, "read");
  return give(L, s, bl_buf_length(&s->read), 0);
}

static int stream_read(lua_State *L) {
  struct bl_stream *s = check(L, "read");
  int64_t deadline_ns = bl_lopt_deadline(L, 3);
  if (lua_type(L, 2) == LUA_TNUMBER) {
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 0, 2, "a number of bytes must not be negative");
    return read_count(L, s, (size_t)n, deadline_ns);
  }
  const char *format = luaL_optstring(L, 2, "l");
  if (strcmp(format, "l") == 0) return read_line(L, s, 1, deadline_ns);
  if (strcmp(format, "L") == 0) return read_line(L, s, 0, deadline_ns);
  if (strcmp(format, "a") == 0) return read_all(L, s, deadline_ns);
  return luaL_argerror(L, 2, "must be \"l\", \"L\", \"a\" or a number");
}

static int stream_read_some(lua_State *L) {
  struct bl_stream *s = check(L, "read_some");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  if (bl_buf_length(&s->read) == 0) {
    ssize_t n = fill(L, s, deadline_ns);
    if (n < 0) return bl_lerror_return(L, (int)n, "read");
  }
  return give_rest(L, s);
}

static int next_line(lua_State *L) {
  lua_settop(L, 1);
  int n = read_line(L, check(L, "lines"), 1, bl_lopt_deadline(L, 2));
  if (!lua_isnil(L, -n)) return 1;
  if (strcmp(lua_tostring(L, -1), "closed") == 0) return n; /* nil first */
  return luaL_error(L, "%s", lua_tostring(L, -2));
}

static int stream_lines(lua_State *L) {
  check(L, "lines");
  lua_pushcfunction(L, next_line);
  lua_pushvalue(L, 1);
  return 2;
}

static int stream_write(lua_State *L) {
  size_t size, done = 0;
  int r;
  struct bl_stream *s = check(L, "write");
  const char *bytes = luaL_checklstring(L, 2, &size);
  int64_t deadline_ns = bl_lopt_deadline(L, 3);
  struct bl_lblock b = bl_lblock_begin(L);
  do r = bl_stream_write(s, bytes, size, deadline_ns, &done);
  while (bl_lblock_again(L, &b, r));
  lua_settop(L, 1);
  if (r == 0) return 1;
  int n = bl_lerror_return(L, r, "write");
  lua_pushinteger(L, (lua_Integer)done);
  return n + 1;
}

static int stream_close(lua_State *L) {
  struct lstream *s = luaL_checkudata(L, 1, STREAM);
  bl_stream_close(&s->stream);
  lua_pushboolean(L, 1);
  return 1;
}

static int stream_fileno(lua_State *L) {
  struct bl_stream *s = check(L, "fileno");
  lua_pushinteger(L, s->fd);
  return 1;
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
      {NULL, NULL}};
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
