/* SPDX-License-Identifier: MIT */
#include "bindings/lremote.h"

#include <limits.h>
#include <string.h>

#include "bindings/lcodec.h"
#include "bindings/lsecret.h"
#include "bindings/lspec.h"
#include "bindings/lstate.h"
#include "runtime/buf.h"
#include "runtime/self.h"

#define BOX "billiard.cargo"

/* Memory that must not leak when something raises. */
struct box {
  struct bl_buf body, preload;
  struct bl_cargo cargo, preloads;
};

static int box_gc(lua_State *L) {
  struct box *box = lua_touserdata(L, 1);
  bl_buf_reset(&box->body);
  bl_buf_reset(&box->preload);
  return 0;
}

static struct box *new_box(lua_State *L) {
  struct box *box = bl_compat_newuserdata(L, sizeof *box, 0);
  *box = (struct box){0};
  luaL_setmetatable(L, BOX);
  return box;
}

static void pack(lua_State *L, int index, const char *root,
                 struct bl_buf *out) {
  bl_lsecret_travel(L, 1);
  int r = bl_lcodec_pack(L, index, BL_PROFILE_DOWN, root, out);
  bl_lsecret_travel(L, 0);
  if (r < 0) lua_error(L);
}

static void add_bytes(lua_State *L, struct bl_buf *out, const void *bytes,
                      size_t n) {
  char *to;
  if (bl_buf_room(out, n, &to) < 0) luaL_error(L, "not enough memory");
  memcpy(to, bytes, n);
  bl_buf_added(out, n);
}

static void pack_all(lua_State *L, int prelude, int body, struct bl_buf *out) {
  size_t key_size;
  bl_lprocess_spec(L, 1, "authkey");
  const void *key = bl_lsecret_bytes(L, -1, &key_size);
  struct bl_lremote_head head = {.key = (uint32_t)key_size};
  add_bytes(L, out, &head, sizeof head);
  add_bytes(L, out, key, key_size);
  lua_pop(L, 1);
  size_t before = bl_buf_length(out);
  pack(L, prelude, "prelude", out);
  if (bl_buf_length(out) - before > UINT32_MAX)
    luaL_error(L, "start: too much in package.path, arg and the like");
  head.prelude = (uint32_t)(bl_buf_length(out) - before);
  memcpy(out->data + out->start, &head, sizeof head);
  pack(L, body, "", out);
}

static void fill(struct bl_cargo *cargo, const struct bl_buf *bytes) {
  cargo->bytes = bl_buf_front(bytes);
  cargo->size = bl_buf_length(bytes);
}

/* billiard.body gives: argv, prelude, body, preload; or nil, message, code. */
int bl_lremote_plan(lua_State *L, struct bl_plan *plan) {
  int top = lua_gettop(L);
  bl_lstate_get(L, BL_LDESCRIBE);
  lua_pushvalue(L, 1);
  bl_compat_getvalue(L, 1, BL_LUV_SPEC);
  bl_compat_getvalue(L, 1, BL_LUV_CLASS);
  bl_compat_getvalue(L, 1, BL_LUV_FIELDS);
  lua_call(L, 4, 4);
  if (lua_isnil(L, top + 1)) {
    lua_settop(L, top + 3);
    return 3;
  }
  struct box *box = new_box(L); /* argv prelude body preload box */
  pack_all(L, top + 2, top + 3, &box->body);
  fill(&box->cargo, &box->body);
  plan->cargo = &box->cargo;
  if (plan->method == BL_METHOD_FORKSERVER) {
    pack(L, top + 4, "set_forkserver_preload", &box->preload);
    fill(&box->preloads, &box->preload);
    plan->preload = &box->preloads;
  }
  lua_pushvalue(L, top + 1);
  plan->argv = bl_lspec_argv(L);
  return 0;
}

/* describe_by(f): f(process, spec, class, fields) tells the four. */
static int describe_by(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  bl_lstate_set(L, BL_LDESCRIBE);
  return 0;
}

static void push_path(lua_State *L, int r, const char *path) {
  if (r == 0) lua_pushstring(L, path);
  else lua_pushnil(L);
}

/* Where this module and this program are, and the working directory; nil for
 * what cannot be told. */
static int files(lua_State *L) {
  static const char here;
  char path[PATH_MAX];
  push_path(L, bl_self_object(&here, path, sizeof path), path);
  push_path(L, bl_self_program(path, sizeof path), path);
  push_path(L, bl_self_directory(path, sizeof path), path);
  return 3;
}

void bl_lremote_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"describe_by", describe_by}, {"files", files}, {NULL, NULL}};
  luaL_newmetatable(L, BOX);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
