/* SPDX-License-Identifier: MIT */
/* What the kernel alone takes, in the very process that is measured: a Lua
 * module of bare system calls. Times are nanoseconds for one round. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* fork, _exit, waitpid */
static int floor_fork(lua_State *L) {
  int64_t start = now_ns();
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  if (pid < 0) return luaL_error(L, "fork: %s", strerror(errno));
  waitpid(pid, NULL, 0);
  lua_pushinteger(L, now_ns() - start);
  return 1;
}

/* posix_spawn and waitpid of a program */
static int floor_spawn(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  char *argv[] = {(char *)(uintptr_t)name, NULL};
  int64_t start = now_ns();
  pid_t pid;
  int r = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
  if (r != 0) return luaL_error(L, "posix_spawn: %s", strerror(r));
  waitpid(pid, NULL, 0);
  lua_pushinteger(L, now_ns() - start);
  return 1;
}

/* n children started, then all waited for: two times */
static int floor_many(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  pid_t *pids = lua_newuserdatauv(L, (size_t)n * sizeof *pids, 0);
  int64_t start = now_ns();
  for (lua_Integer i = 0; i < n; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      pause();
      _exit(0);
    }
    if (pids[i] < 0) return luaL_error(L, "fork: %s", strerror(errno));
  }
  int64_t middle = now_ns();
  for (lua_Integer i = 0; i < n; i++) {
    kill(pids[i], SIGKILL);
    waitpid(pids[i], NULL, 0);
  }
  lua_pushinteger(L, middle - start);
  lua_pushinteger(L, now_ns() - middle);
  return 2;
}

/* A child writes the time and dies at once; how long until waitpid knows */
static int floor_death(lua_State *L) {
  int ends[2];
  int64_t died = 0;
  if (pipe(ends) < 0) return luaL_error(L, "pipe: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
    died = now_ns();
    if (write(ends[1], &died, sizeof died) < 0) _exit(1);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  int64_t seen = now_ns();
  if (read(ends[0], &died, sizeof died) != sizeof died) died = seen;
  close(ends[0]);
  close(ends[1]);
  lua_pushinteger(L, seen - died);
  return 1;
}

static int floor_now(lua_State *L) {
  lua_pushinteger(L, now_ns());
  return 1;
}

__attribute__((visibility("default"))) int luaopen_floor(lua_State *L);

int luaopen_floor(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"fork", floor_fork}, {"spawn", floor_spawn}, {"many", floor_many},
      {"death", floor_death}, {"now", floor_now},   {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
