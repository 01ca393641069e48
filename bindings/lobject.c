/* SPDX-License-Identifier: MIT */
#include "bindings/lobject.h"

#include <limits.h>
#include <string.h>

#include "bindings/lopt.h"
#include "runtime/base.h"
#include "runtime/clock.h"
#include "runtime/poll.h"

static int fail(lua_State *L, struct bl_lasker asker, const char *problem) {
  if (asker.item == 0) return luaL_error(L, "%s: object %s", asker.call, problem);
  return luaL_error(L, "%s: item %d %s", asker.call, (int)asker.item, problem);
}

/* Calls method name of the value at index if it has one; pushes its result
 * and returns 1. */
static int call_method(lua_State *L, int index, const char *name,
                       struct bl_lasker asker) {
  int type = lua_type(L, index);
  if (type != LUA_TUSERDATA && type != LUA_TTABLE) return 0;
  if (lua_getfield(L, index, name) != LUA_TFUNCTION) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pushvalue(L, index);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return 1;
  if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
  lua_pushfstring(L, "cannot be waited for: %s", lua_tostring(L, -1));
  return fail(L, asker, lua_tostring(L, -1));
}

/* Takes the number on top for a descriptor; LuaSocket has them as floats. */
static int to_fd(lua_State *L) {
  int exact = lua_type(L, -1) == LUA_TNUMBER;
  lua_Integer n = exact ? lua_tointegerx(L, -1, &exact) : 0;
  lua_pop(L, 1);
  return exact && n >= 0 && n <= INT_MAX ? (int)n : BL_FD_NONE;
}

int bl_lobject_fd(lua_State *L, int index, struct bl_lasker asker) {
  static const char *const methods[] = {"pollfd", "getfd", "fileno"};
  if (lua_type(L, index) == LUA_TNUMBER) {
    lua_pushvalue(L, index);
    int fd = to_fd(L);
    return fd >= 0 ? fd : fail(L, asker, "is not a file descriptor");
  }
  for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++)
    if (call_method(L, index, methods[m], asker)) {
      if (lua_isnoneornil(L, -1) || lua_type(L, -1) == LUA_TNUMBER)
        return to_fd(L);
      lua_pushfstring(L, "must have a number from %s(), got %s", methods[m],
                      luaL_typename(L, -1));
      return fail(L, asker, lua_tostring(L, -1));
    }
  lua_pushfstring(L,
                  "must be a Process, a Stream, an fd, or have pollfd, getfd "
                  "or fileno; got %s",
                  luaL_typename(L, index));
  return fail(L, asker, lua_tostring(L, -1));
}

short bl_lobject_events(lua_State *L, int index, struct bl_lasker asker) {
  if (!call_method(L, index, "events", asker)) return POLLIN;
  const char *s = lua_tostring(L, -1);
  int events = !s ? POLLIN
                  : (strchr(s, 'r') ? POLLIN : 0) |
                        (strchr(s, 'w') ? POLLOUT : 0);
  lua_pop(L, 1);
  return (short)events;
}

int64_t bl_lobject_due(lua_State *L, int index, struct bl_lasker asker) {
  if (!call_method(L, index, "timeout", asker)) return BL_FOREVER;
  int64_t due = BL_FOREVER;
  if (lua_type(L, -1) == LUA_TNUMBER) {
    lua_Number s = lua_tonumber(L, -1);
    if (s == s) due = bl_lopt_ns(L, -1); /* NaN: none */
    if (due != BL_FOREVER) due = bl_deadline_ns(due);
  }
  lua_pop(L, 1);
  return due;
}
