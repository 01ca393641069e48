/* SPDX-License-Identifier: MIT */
/* Bytes from below and from strangers, as libFuzzer makes them up. What can be
 * unpacked must pack again, and that must unpack. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bindings/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  luaL_requiref(L, "billiard.core", luaopen_billiard_core, 0);
  lua_getfield(L, -1, "pack");
  lua_getfield(L, -2, "unpack");
  return L; /* core pack unpack */
}

/* unpack(bytes, profile): leaves its first result, and says whether it is a
 * value. */
static int unpack(lua_State *L, const char *bytes, size_t n,
                  const char *profile) {
  lua_settop(L, 3);
  lua_pushvalue(L, 3);
  lua_pushlstring(L, bytes, n);
  lua_pushstring(L, profile);
  lua_call(L, 2, 3);
  int good = lua_isnil(L, 6);
  lua_settop(L, 4);
  return good;
}

static void there_and_back(lua_State *L, const char *bytes, size_t n,
                           const char *profile) {
  if (!unpack(L, bytes, n, profile)) return;
  lua_pushvalue(L, 2);
  lua_insert(L, 4);
  lua_pushstring(L, profile); /* pack value profile */
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  size_t size;
  const char *again = lua_tolstring(L, 4, &size);
  lua_pushvalue(L, 4);
  lua_setfield(L, LUA_REGISTRYINDEX, "again"); /* while it is read */
  if (!unpack(L, again, size, profile)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static lua_State *L;
  if (!L) L = open_state();
  there_and_back(L, (const char *)bytes, n, "up");
  there_and_back(L, (const char *)bytes, n, "plain");
  lua_settop(L, 3);
  return 0;
}
