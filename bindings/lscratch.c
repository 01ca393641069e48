/* SPDX-License-Identifier: MIT */
#include "bindings/lscratch.h"

#include "runtime/fd.h"

#define SCRATCH "billiard.scratch"

static const char kept_key;      /* its address is the registry key */
enum { KEPT_MAX = 1 << 20 }; /* a larger buffer is not kept */

/* Pushes it, and keeps it. */
static struct bl_lscratch *new(lua_State *L) {
  struct bl_lscratch *s = bl_compat_newuserdata(L, sizeof *s, 0);
  s->busy = s->copies = s->received = 0;
  s->bytes = (struct bl_buf){0};
  s->handles.n = s->handles.starting = 0;
  luaL_setmetatable(L, SCRATCH);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_key);
  return s;
}

struct bl_lscratch *bl_lscratch_take(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_key);
  struct bl_lscratch *s = lua_touserdata(L, -1);
  if (!s || s->busy) {
    lua_pop(L, 1);
    s = new(L);
  }
  s->busy = 1;
  return s;
}

static void empty(struct bl_lscratch *s) {
  for (int i = 0; i < s->copies; i++) bl_fd_close(s->handles.fds[i]);
  s->copies = 0;
  if (s->received) bl_message_drop(&s->message);
  s->received = 0;
}

void bl_lscratch_give(struct bl_lscratch *s) {
  empty(s);
  if (s->bytes.size > KEPT_MAX) bl_buf_reset(&s->bytes);
  else bl_buf_cut(&s->bytes, 0);
  s->busy = 0;
}

int bl_lscratch_copy(struct bl_lscratch *s) {
  for (int i = 0; i < s->handles.n; i++) {
    int fd = bl_fd_copy(s->handles.fds[i]);
    if (fd < 0) return fd;
    s->handles.fds[s->copies++] = fd;
  }
  return 0;
}

static int scratch_gc(lua_State *L) {
  struct bl_lscratch *s = luaL_checkudata(L, 1, SCRATCH);
  empty(s);
  bl_buf_reset(&s->bytes);
  return 0;
}

void bl_lscratch_open(lua_State *L) {
  luaL_newmetatable(L, SCRATCH);
  lua_pushcfunction(L, scratch_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
