/* SPDX-License-Identifier: MIT */
/* What a lock is held against: an object with the same two methods, which do
 * nothing at all, or lock and unlock a robust mutex of libc, or read and write
 * an eventfd, and look at nothing else. And how to stay on one processor. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

static pthread_mutex_t *mutex(lua_State *L) {
  return *(pthread_mutex_t **)lua_touserdata(L, 1);
}

static int lock(lua_State *L) {
  lua_pushboolean(L, pthread_mutex_lock(mutex(L)) == 0);
  return 1;
}

static int unlock(lua_State *L) {
  lua_pushboolean(L, pthread_mutex_unlock(mutex(L)) == 0);
  return 1;
}

static int drop(lua_State *L) {
  munmap(mutex(L), sizeof(pthread_mutex_t));
  return 0;
}

static pthread_mutex_t *shared_mutex(lua_State *L) {
  pthread_mutexattr_t how;
  pthread_mutex_t *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (m == MAP_FAILED) luaL_error(L, "mmap fails");
  pthread_mutexattr_init(&how);
  pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(m, &how);
  pthread_mutexattr_destroy(&how);
  return m;
}

static int take(lua_State *L) {
  uint64_t one;
  lua_pushboolean(L, read(*(int *)lua_touserdata(L, 1), &one, sizeof one) > 0);
  return 1;
}

static int give(lua_State *L) {
  uint64_t one = 1;
  lua_pushboolean(L, write(*(int *)lua_touserdata(L, 1), &one, sizeof one) > 0);
  return 1;
}

static int shut(lua_State *L) {
  close(*(int *)lua_touserdata(L, 1));
  return 0;
}

/* The userdata on top gets these methods, and gc as its end. */
static int object(lua_State *L, lua_CFunction acquire, lua_CFunction release,
                  lua_CFunction gc) {
  const luaL_Reg methods[] = {
      {"acquire", acquire}, {"release", release}, {"__gc", gc}, {NULL, NULL}};
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  return 1;
}

static int floor_empty(lua_State *L) {
  lua_newuserdata(L, 1);
  return object(L, nothing, nothing, nothing);
}

static int floor_mutex(lua_State *L) {
  pthread_mutex_t **m = lua_newuserdata(L, sizeof(pthread_mutex_t *));
  *m = shared_mutex(L);
  return object(L, lock, unlock, drop);
}

static int floor_eventfd(lua_State *L) {
  int *fd = lua_newuserdata(L, sizeof *fd);
  *fd = eventfd(1, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK);
  return object(L, take, give, shut);
}

/* stay(): this process and its children to come stay on one processor */
static int floor_stay(lua_State *L) {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET((size_t)sched_getcpu(), &here);
  if (sched_setaffinity(0, sizeof here, &here) < 0)
    return luaL_error(L, "sched_setaffinity: %s", strerror(errno));
  return 0;
}

__attribute__((visibility("default"))) int luaopen_floor_lock(lua_State *L);

int luaopen_floor_lock(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"empty", floor_empty},
      {"mutex", floor_mutex},
      {"eventfd", floor_eventfd},
      {"stay", floor_stay},
      {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
