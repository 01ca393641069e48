/* SPDX-License-Identifier: MIT */
#include "bindings/lmemory.h"

#include <string.h>

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lshared.h"
#include "runtime/base.h"
#include "runtime/shm.h"

struct lmemory {
  const struct bl_lclass *class;
  struct bl_shm memory; /* unmapped: closed */
};

static const struct bl_lclass class = {"SharedMemory", "billiard.SharedMemory",
                                       sizeof(struct lmemory)};

/* The open one at index 1; what names the call. */
static struct bl_shm *check(lua_State *L, const char *what) {
  struct lmemory *m = bl_lclass_check(L, 1, &class);
  if (!m->memory.at) luaL_error(L, "%s: SharedMemory is closed", what);
  return &m->memory;
}

/* n bytes from argument 2, which must be inside. */
static char *range(lua_State *L, const struct bl_shm *m, lua_Integer n,
                   const char *what) {
  lua_Integer pos = luaL_checkinteger(L, 2), size = (lua_Integer)m->size;
  if (pos < 1 || pos > size + 1 || n < 0 || n > size - pos + 1)
    luaL_error(L, "%s: %I bytes from %I are not in 1 to %I", what,
               (LUAI_UACINT)n, (LUAI_UACINT)pos, (LUAI_UACINT)size);
  return (char *)m->at + (pos - 1);
}

static int memory_read(lua_State *L) {
  struct bl_shm *m = check(L, "read");
  lua_Integer n = luaL_checkinteger(L, 3);
  lua_pushlstring(L, range(L, m, n, "read"), (size_t)n);
  return 1;
}

/* The position behind what was written. */
static int memory_write(lua_State *L) {
  size_t n;
  struct bl_shm *m = check(L, "write");
  luaL_argexpected(L, lua_type(L, 3) == LUA_TSTRING, 3, "string");
  const char *bytes = lua_tolstring(L, 3, &n);
  memcpy(range(L, m, (lua_Integer)n, "write"), bytes, n);
  lua_pushinteger(L, lua_tointeger(L, 2) + (lua_Integer)n);
  return 1;
}

static int memory_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L, "#")->size);
  return 1;
}

/* ---- the object ---- */

static int memory_close(lua_State *L) {
  struct lmemory *m = bl_lclass_check(L, 1, &class);
  bl_shm_drop(&m->memory);
  return 0;
}

static int memory_tostring(lua_State *L) {
  struct lmemory *m = bl_lclass_check(L, 1, &class);
  if (!m->memory.at) lua_pushliteral(L, "<SharedMemory(closed)>");
  else lua_pushfstring(L, "<SharedMemory(%I bytes)>",
                       (LUAI_UACINT)m->memory.size);
  return 1;
}

static int give(struct bl_lwriter *w, int *fds) {
  struct lmemory *m = lua_touserdata(w->L, -1);
  return bl_lshared_give(w, &class, m->memory.fd, fds);
}

static void take(struct bl_lreader *r, int *fds) {
  bl_lshared_nothing(r);
  struct lmemory *m = bl_lclass_new(r->L, &class, 0);
  m->memory.fd = BL_FD_NONE;
  bl_lshared_take(r, &class, fds, &m->memory, 1);
}

static int new_memory(lua_State *L) {
  static const struct bl_lopt known[] = {
      {"size", BL_LOPT_INTEGER, 1, (lua_Integer)1 << 47, NULL},
      {NULL, BL_LOPT_ANY, 0, 0, NULL}};
  if (!lua_istable(L, 1))
    return bl_lopt_wrong(L, 1, "SharedMemory", "its options", "a table");
  bl_lopt_check(L, 1, "SharedMemory", known);
  lua_getfield(L, 1, "size");
  if (lua_isnil(L, -1))
    return luaL_error(L, "SharedMemory: needs the option 'size', in bytes");
  size_t size = (size_t)lua_tointeger(L, -1);
  struct lmemory *m = bl_lclass_new(L, &class, 0);
  m->memory.fd = BL_FD_NONE;
  int r = bl_shm_new(&m->memory, "billiard-memory", size, size);
  return r < 0 ? bl_lerror_return(L, r, "SharedMemory") : 1;
}

void bl_lmemory_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"read", memory_read},
                                     {"write", memory_write},
                                     {"close", memory_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__len", memory_len},
                                         {"__tostring", memory_tostring},
                                         {"__gc", memory_close},
                                         {"__close", memory_close},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.SharedMemory", 1, 0,
                                                give, take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  lua_pushcfunction(L, new_memory);
  lua_setfield(L, -2, "SharedMemory");
}
