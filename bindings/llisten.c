/* SPDX-License-Identifier: MIT */
#include "bindings/llisten.h"

#include <lauxlib.h>

#include "bindings/lerror.h"
#include "runtime/fd.h"
#include "runtime/listen.h"

#define SOCKET "billiard.Socket"

struct lsocket {
  int fd;
};

static int numeric(lua_State *L) {
  lua_pushboolean(L, bl_listen_numeric(luaL_checkstring(L, 1)));
  return 1;
}

/* A closed Socket comes first, so that no descriptor is lost for lack of
 * memory. */
static struct lsocket *new_socket(lua_State *L) {
  struct lsocket *s = bl_compat_newuserdata(L, sizeof *s, 0);
  s->fd = BL_FD_NONE;
  luaL_setmetatable(L, SOCKET);
  return s;
}

static int give(lua_State *L, struct lsocket *s, int fd, const char *what) {
  if (fd < 0) return bl_lerror_return(L, fd, what);
  s->fd = fd;
  return 1;
}

static int listen_tcp(lua_State *L) {
  const char *host = luaL_checkstring(L, 1);
  lua_Integer port = luaL_checkinteger(L, 2);
  int backlog = (int)luaL_checkinteger(L, 3);
  struct lsocket *s = new_socket(L);
  return give(L, s, bl_listen_tcp(host, (uint16_t)port, backlog), "listen");
}

static int listen_path(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  int backlog = (int)luaL_checkinteger(L, 2);
  struct lsocket *s = new_socket(L);
  return give(L, s, bl_listen_unix(path, backlog), "listen");
}

static int listen_passed(lua_State *L) {
  int n = (int)luaL_checkinteger(L, 1);
  struct lsocket *s = new_socket(L);
  return give(L, s, bl_listen_adopt(n), "LISTEN_FDS");
}

/* ---- the object ---- */

static struct lsocket *check(lua_State *L, const char *what) {
  struct lsocket *s = luaL_checkudata(L, 1, SOCKET);
  if (s->fd == BL_FD_NONE) luaL_error(L, "%s: Socket is closed", what);
  return s;
}

static int socket_fileno(lua_State *L) {
  lua_pushinteger(L, check(L, "fileno")->fd);
  return 1;
}

static int socket_port(lua_State *L) {
  int port = bl_listen_port(check(L, "port")->fd);
  if (port < 0) return bl_lerror_return(L, port, "port");
  lua_pushinteger(L, port);
  return 1;
}

static int socket_close(lua_State *L) {
  struct lsocket *s = luaL_checkudata(L, 1, SOCKET);
  s->fd = bl_fd_close(s->fd);
  lua_pushboolean(L, 1);
  return 1;
}

static int socket_tostring(lua_State *L) {
  struct lsocket *s = luaL_checkudata(L, 1, SOCKET);
  if (s->fd == BL_FD_NONE) lua_pushliteral(L, "<Socket(closed)>");
  else lua_pushfstring(L, "<Socket(fd %d)>", s->fd);
  return 1;
}

static void open_class(lua_State *L) {
  static const luaL_Reg methods[] = {{"fileno", socket_fileno},
                                     {"port", socket_port},
                                     {"close", socket_close},
                                     {NULL, NULL}};
  luaL_newmetatable(L, SOCKET);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, socket_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, socket_close);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__gc");
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
}

void bl_llisten_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"numeric", numeric},
                                       {"listen", listen_tcp},
                                       {"listen_path", listen_path},
                                       {"listen_passed", listen_passed},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  open_class(L);
}
