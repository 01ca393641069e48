/* SPDX-License-Identifier: MIT */
/* What the benches of a pool ask of the kernel. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Has somebody else's child die. */
static int floor_kill(lua_State *L) {
  if (kill((pid_t)luaL_checkinteger(L, 1), SIGKILL) < 0)
    return luaL_error(L, "kill: %s", strerror(errno));
  return 0;
}

/* rss(): bytes of memory that this process has for itself */
static int floor_rss(lua_State *L) {
  long all = 0, shared = 0;
  FILE *f = fopen("/proc/self/statm", "re");
  int n = f ? fscanf(f, "%*d %ld %ld", &all, &shared) : 0;
  if (f) fclose(f);
  if (n != 2) return luaL_error(L, "/proc/self/statm: %s", strerror(errno));
  lua_pushinteger(L, (all - shared) * sysconf(_SC_PAGESIZE));
  return 1;
}

static long times_slept(int pid) {
  char path[64], line[256];
  long times = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *f = fopen(path, "re");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "voluntary_ctxt_switches: %ld", &times) == 1) break;
  if (f) fclose(f);
  return times;
}

/* woken(pids): how often these processes have gone to sleep, and so woken */
static int floor_woken(lua_State *L) {
  lua_Integer times = 0, n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    times += times_slept((int)lua_tointeger(L, -1));
    lua_pop(L, 1);
  }
  lua_pushinteger(L, times);
  return 1;
}

__attribute__((visibility("default"))) int luaopen_floor_pool(lua_State *L);

int luaopen_floor_pool(lua_State *L) {
  static const luaL_Reg functions[] = {{"kill", floor_kill},
                                       {"rss", floor_rss},
                                       {"woken", floor_woken},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
