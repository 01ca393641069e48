/* SPDX-License-Identifier: MIT */
#include "bindings/host/system.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int watched = -1;

static int watch(lua_State *L) {
  sigset_t ends;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  if (watched < 0) watched = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
  if (watched < 0) return luaL_error(L, "signalfd: %s", strerror(errno));
  sigprocmask(SIG_BLOCK, &ends, NULL);
  lua_pushinteger(L, watched);
  return 1;
}

static int take(lua_State *L) {
  struct signalfd_siginfo info;
  if (read(watched, &info, sizeof info) != sizeof info) return 0;
  lua_pushinteger(L, info.ssi_signo);
  return 1;
}

/* What is writable takes PIPE_BUF bytes without blocking, whoever else shares
 * the description; making it non-blocking would change it for those too. */
static int write_some(lua_State *L) {
  size_t size;
  struct pollfd p = {(int)luaL_checkinteger(L, 1), POLLOUT, 0};
  const char *s = luaL_checklstring(L, 2, &size);
  ssize_t n = 0;
  if (poll(&p, 1, 0) == 1)
    n = write(p.fd, s, size < PIPE_BUF ? size : PIPE_BUF);
  if (n < 0 && errno != EINTR && errno != EAGAIN) return 0;
  lua_pushinteger(L, n < 0 ? 0 : (lua_Integer)n);
  return 1;
}

int luaopen_billiard_host_system(lua_State *L) {
  static const luaL_Reg functions[] = {{"watch", watch},
                                       {"take", take},
                                       {"write", write_some},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
