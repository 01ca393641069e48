/* SPDX-License-Identifier: MIT */
#include "bindings/lremote.h"

#include <limits.h>
#include <string.h>

#include "bindings/lcodec.h"
#include "bindings/lspec.h"
#include "bindings/lstate.h"
#include "runtime/buf.h"
#include "runtime/self.h"

#define BOX "billiard.cargo"

/* Memory that must not leak when something raises. */
struct box {
  struct bl_cargo cargo; /* first: by this a plan leads here */
  struct bl_cargo preloads;
  struct bl_buf body, preload;
  struct bl_lhandles handles;
};

static void empty(struct box *box) {
  bl_buf_reset(&box->body);
  bl_buf_reset(&box->preload);
}

static int box_gc(lua_State *L) {
  empty(lua_touserdata(L, 1));
  return 0;
}

void bl_lremote_forget(const struct bl_plan *plan) {
  if (plan->cargo) empty((struct box *)(uintptr_t)plan->cargo);
}

static struct box *new_box(lua_State *L) {
  struct box *box = bl_compat_newuserdata(L, sizeof *box, 0);
  *box = (struct box){0};
  luaL_setmetatable(L, BOX);
  return box;
}

/* Appends the bytes of the value at index. */
static void pack(lua_State *L, int index, const char *root,
                 struct bl_buf *out) {
  if (bl_lcodec_pack(L, index, BL_PROFILE_DOWN, root, out) < 0) lua_error(L);
}

static void pack_all(lua_State *L, int prelude, int body, struct box *box) {
  struct bl_buf *out = &box->body;
  struct bl_lremote_head head = {0};
  char *to;
  bl_buf_conceal(out); /* an authkey is in it */
  if (bl_buf_room(out, sizeof head, &to) < 0) luaL_error(L, "not enough memory");
  bl_buf_added(out, sizeof head);
  pack(L, prelude, "prelude", out);
  head.prelude = bl_buf_length(out) - sizeof head;
  memcpy(out->data + out->start, &head, sizeof head);
  box->handles.profile = BL_PROFILE_DOWN;
  box->handles.starting = 1;
  if (bl_lcodec_give(L, body, "", &box->handles, out) < 0) lua_error(L);
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
  pack_all(L, top + 2, top + 3, box);
  fill(&box->cargo, &box->body);
  box->cargo.fds = box->handles.fds;
  box->cargo.n = box->handles.n;
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
