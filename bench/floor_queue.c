/* SPDX-License-Identifier: MIT */
/* What a queue is held against: a pipe between two processes, and what the
 * kernel holds for a file of ours. */
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Both ways of a pipe: moves n times size bytes, and leaves. */
static void move(int fd, char *bytes, size_t n, size_t size, int writes) {
  for (size_t left = n * size; left > 0;) {
    size_t most = left < size ? left : size;
    ssize_t r = writes ? write(fd, bytes, most) : read(fd, bytes, most);
    if (r <= 0) _exit(1);
    left -= (size_t)r;
  }
  _exit(0);
}

static pid_t start(int ends[2], char *bytes, size_t n, size_t size,
                   int writes) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  close(ends[!writes]);
  move(ends[writes], bytes, n, size, writes);
  return 0;
}

/* pipe(n, size): seconds for one of n pieces, from one child to another */
static int floor_pipe(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 1);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  int ends[2], one = -1, two = -1;
  char *bytes = lua_newuserdatauv(L, size, 0);
  memset(bytes, 7, size);
  if (pipe(ends) < 0) return luaL_error(L, "pipe: %s", strerror(errno));
  int64_t begun = now_ns();
  pid_t reader = start(ends, bytes, n, size, 0);
  pid_t writer = start(ends, bytes, n, size, 1);
  close(ends[0]);
  close(ends[1]);
  waitpid(reader, &one, 0);
  waitpid(writer, &two, 0);
  int64_t taken = now_ns() - begun;
  if (one != 0 || two != 0) return luaL_error(L, "pipe: a child failed");
  lua_pushnumber(L, (lua_Number)taken / 1e9 / (lua_Number)n);
  return 1;
}

/* kib(name): what the kernel holds for memfds of that name open here */
static int floor_kib(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  char path[300], target[300];
  lua_Integer kib = 0;
  DIR *d = opendir("/proc/self/fd");
  if (!d) return luaL_error(L, "/proc/self/fd: %s", strerror(errno));
  for (struct dirent *e; (e = readdir(d));) {
    struct stat s;
    snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    if (strstr(target, name) && stat(path, &s) == 0) kib += s.st_blocks / 2;
  }
  closedir(d);
  lua_pushinteger(L, kib);
  return 1;
}

__attribute__((visibility("default"))) int luaopen_floor_queue(lua_State *L);

int luaopen_floor_queue(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"pipe", floor_pipe}, {"kib", floor_kib}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
