/* SPDX-License-Identifier: MIT */
#include "bindings/lremote.h"

#include <limits.h>
#include <string.h>

#include "bindings/lcodec.h"
#include "bindings/lerror.h"
#include "bindings/lname.h"
#include "bindings/lprocess.h"
#include "bindings/lspec.h"
#include "bindings/lstate.h"
#include "bindings/ltype.h"
#include "runtime/buf.h"
#include "runtime/error.h"
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

/* Does the table on top arrive with its metatable, or as the receiver's own? */
static int keeps_metatable(lua_State *L) {
  int table = lua_gettop(L);
  int kept = lua_getmetatable(L, table) && bl_ltype_name(L);
  if (!kept) {
    bl_lname_index(L);
    bl_lname_refresh(L, lua_gettop(L));
    lua_pushvalue(L, table);
    kept = bl_lname_find(L, lua_gettop(L) - 1) == 1;
  }
  lua_settop(L, table);
  return kept;
}

/* What can be called here must be callable there. */
static void check_target(lua_State *L) {
  static const char path[] =
      "target: a callable table whose metatable is not registered";
  if (bl_lprocess_spec(L, 1, "target") != LUA_TTABLE || keeps_metatable(L)) {
    lua_pop(L, 1);
    return;
  }
  luaL_where(L, 1);
  lua_pushfstring(L, "%scannot send %s (it would stay behind: "
                     "billiard.register(metatable), or pass a function)",
                  lua_tostring(L, -1), path);
  bl_lerror_new(L, bl_error_name(BL_EUNSENDABLE), lua_tostring(L, -1), NULL);
  lua_pushstring(L, path);
  lua_setfield(L, -2, "path");
  lua_error(L);
}

/* billiard.body gives: argv, prelude, body, preload; or nil, message, code. */
int bl_lremote_plan(lua_State *L, struct bl_plan *plan) {
  int top = lua_gettop(L);
  check_target(L);
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
  if (plan->method == BL_METHOD_SPAWN) { /* for what goes wrong in it */
    lua_rawgeti(L, top + 1, 1);
    bl_lprocess_set_spec(L, 1, "program");
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

/* Where this program is, and the working directory; nil for what cannot be
 * told. */
static int files(lua_State *L) {
  char path[PATH_MAX];
  push_path(L, bl_self_program(path, sizeof path), path);
  push_path(L, bl_self_directory(path, sizeof path), path);
  return 2;
}

/* Where this module is; or nil, message, code: to find out takes a
 * descriptor. */
static int module_file(lua_State *L) {
  static const char here;
  char path[PATH_MAX];
  int r = bl_self_object(&here, path, sizeof path);
  if (r < 0) return bl_lerror_return(L, r, "start: exec");
  lua_pushstring(L, path);
  return 1;
}

void bl_lremote_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"describe_by", describe_by},
      {"files", files},
      {"module_file", module_file},
      {NULL, NULL}};
  luaL_newmetatable(L, BOX);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
