/* SPDX-License-Identifier: MIT */
#include "bindings/host/system.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

static int watched = -1;

static const struct {
  int signo;
  const char *name;
} told[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGTERM, "SIGTERM"},
            {SIGTTIN, "SIGTTIN"}, {SIGTTOU, "SIGTTOU"}, {SIGUSR2, "SIGUSR2"}};

enum { TOLD = sizeof told / sizeof told[0] };

static int watch(lua_State *L) {
  sigset_t all;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&all);
  for (int i = 0; i < TOLD; i++) sigaddset(&all, told[i].signo);
  if (watched < 0) watched = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (watched < 0) return luaL_error(L, "signalfd: %s", strerror(errno));
  sigprocmask(SIG_BLOCK, &all, NULL);
  lua_pushinteger(L, watched);
  return 1;
}

/* take() -> name, number */
static int take(lua_State *L) {
  struct signalfd_siginfo info;
  if (read(watched, &info, sizeof info) != sizeof info) return 0;
  int i = 0;
  while (told[i].signo != (int)info.ssi_signo) i++; /* it is one of them */
  lua_pushstring(L, told[i].name);
  lua_pushinteger(L, told[i].signo);
  return 2;
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

/* ---- systemd ---- */

static int notify(lua_State *L) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t length, size;
  const char *address = luaL_checklstring(L, 1, &length);
  const char *text = luaL_checklstring(L, 2, &size);
  if (length == 0 || length >= sizeof to.sun_path) return 0;
  memcpy(to.sun_path, address, length);
  if (address[0] == '@') to.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return 0;
  sendto(fd, text, size, MSG_NOSIGNAL, (struct sockaddr *)&to,
         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
  close(fd);
  return 0;
}

static int forget(lua_State *L) {
  unsetenv(luaL_checkstring(L, 1));
  return 0;
}

/* ---- one of a kind ---- */

static int fail(lua_State *L, int error, pid_t holder) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(error));
  if (holder > 0) lua_pushinteger(L, holder);
  return holder > 0 ? 3 : 2;
}

/* hold(path): the file is this process's, and has its pid in it, until it ends,
 * however that comes; what it starts does not have it. true; or nil, why not,
 * and the pid of who has it. */
static int hold(lua_State *L) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int fd = open(luaL_checkstring(L, 1),
                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return fail(L, errno, 0);
  if (fcntl(fd, F_SETLK, &lock) < 0) {
    int error = errno;
    if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK) lock.l_pid = 0;
    close(fd);
    return fail(L, error, lock.l_pid);
  }
  if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
    return fail(L, errno, 0); /* and is held all the same */
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- time ---- */

static int every(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  struct timespec t = {.tv_sec = (time_t)seconds};
  t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
  struct itimerspec again = {.it_interval = t, .it_value = t};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0 || timerfd_settime(fd, 0, &again, NULL) < 0)
    return luaL_error(L, "timerfd: %s", strerror(errno));
  lua_pushinteger(L, fd);
  return 1;
}

static int rest(lua_State *L) {
  uint64_t times;
  lua_pushboolean(L, read((int)luaL_checkinteger(L, 1), &times,
                          sizeof times) == sizeof times);
  return 1;
}

int luaopen_billiard_host_system(lua_State *L) {
  static const luaL_Reg functions[] = {{"watch", watch},
                                       {"take", take},
                                       {"write", write_some},
                                       {"notify", notify},
                                       {"forget", forget},
                                       {"hold", hold},
                                       {"every", every},
                                       {"rest", rest},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
