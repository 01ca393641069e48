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
#include "bindings/lcodec.h"
#include "bindings/lhandle.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A type of handles: three descriptors and a value. Objects remember the
 * numbers, which are nobody's. */
enum { OF_EACH = 3, FIRST_FD = 1 << 20 };
#define HANDLE "fuzz.Handle"

static int give(struct bl_lwriter *w, int *fds) {
  const int *object = lua_touserdata(w->L, -1);
  for (int i = 0; i < OF_EACH; i++) fds[i] = object[i];
  lua_getiuservalue(w->L, -1, 1);
  int r = w->value(w);
  if (r == 0) lua_pop(w->L, 1);
  return r;
}

static void take(struct bl_lreader *r, int *fds) {
  r->value(r);
  int *object = lua_newuserdatauv(r->L, OF_EACH * sizeof *object, 1);
  for (int i = 0; i < OF_EACH; i++) {
    if (fds[i] < FIRST_FD) abort(); /* twice, or none */
    object[i] = fds[i];
    fds[i] = BL_FD_NONE;
  }
  lua_insert(r->L, -2);
  lua_setiuservalue(r->L, -2, 1);
  luaL_setmetatable(r->L, HANDLE);
}

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  luaL_requiref(L, "billiard.core", luaopen_billiard_core, 0);
  static const struct bl_lhandle_type type = {HANDLE, OF_EACH, 0, give, take};
  luaL_newmetatable(L, HANDLE);
  bl_lhandle_add(L, &type);
  lua_pop(L, 1);
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

/* Leaves the value, if it is one. */
static int take_with(lua_State *L, const char *bytes, size_t n, int nfds) {
  int fds[BL_PACKET_FDS];
  for (int i = 0; i < nfds; i++) fds[i] = FIRST_FD + i;
  struct bl_lreceived m = {bytes, n, fds, nfds};
  lua_settop(L, 3);
  int good = bl_lcodec_take(L, &m, BL_PROFILE_UP) == 1;
  for (int i = 0; good && i < nfds; i++)
    if (fds[i] != BL_FD_NONE) abort(); /* whose is it? */
  return good;
}

static void with_descriptors(lua_State *L, const char *bytes, size_t n,
                             int nfds) {
  struct bl_lhandles handles = {.profile = BL_PROFILE_UP};
  struct bl_buf again = {0};
  if (!take_with(L, bytes, n, nfds)) return;
  if (bl_lcodec_give(L, 4, "value", &handles, &again) < 0) abort();
  if (handles.n != nfds) abort();
  if (!take_with(L, bl_buf_front(&again), bl_buf_length(&again), nfds)) abort();
  bl_buf_reset(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static lua_State *L;
  if (!L) L = open_state();
  there_and_back(L, (const char *)bytes, n, "up");
  there_and_back(L, (const char *)bytes, n, "plain");
  with_descriptors(L, (const char *)bytes, n, OF_EACH);
  with_descriptors(L, (const char *)bytes, n, 2 * OF_EACH);
  lua_settop(L, 3);
  return 0;
}
