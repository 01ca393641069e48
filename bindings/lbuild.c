/* SPDX-License-Identifier: MIT */
#include "bindings/lbuild.h"

#include "bindings/lmethod.h"
#include "bindings/lproperty.h"
#include "bindings/lsecret.h"
#include "bindings/lspec.h"
#include "bindings/lstate.h"
#include "runtime/self.h"

/* Pushes what numbers its children: "" in the main process, "2:1:" deeper. */
static void push_prefix(lua_State *L) {
  bl_lstate_get(L, BL_LCURRENT);
  bl_lprocess_spec(L, -1, "identity");
  lua_remove(L, -2);
  if (lua_rawlen(L, -1) == 0) return;
  lua_pushliteral(L, ":");
  lua_concat(L, 2);
}

static void set_identity(lua_State *L, int ud) {
  push_prefix(L);
  lua_pushinteger(L, ++bl_lstate(L)->counter);
  lua_concat(L, 2); /* identity */
  if (bl_lprocess_spec(L, ud, "name") == LUA_TNIL) {
    lua_getfield(L, 1, "__name");
    lua_pushliteral(L, "-");
    lua_pushvalue(L, -4); /* identity nil class - identity */
    lua_concat(L, 3);
    bl_lprocess_set_spec(L, ud, "name");
  }
  lua_pop(L, 1);
  bl_lprocess_set_spec(L, ud, "identity");
}

static void set_authkey(lua_State *L, int ud) {
  if (bl_lprocess_spec(L, ud, "authkey") == LUA_TNIL) {
    lua_pop(L, 1);
    bl_lstate_get(L, BL_LCURRENT);
    bl_lprocess_spec(L, -1, "authkey");
    lua_remove(L, -2);
  } else {
    bl_lsecret_coerce(L);
  }
  bl_lprocess_set_spec(L, ud, "authkey");
}

static int inherited_daemon(lua_State *L) {
  bl_lstate_get(L, BL_LCURRENT);
  struct bl_lprocess *current = bl_lprocess_test(L, -1);
  lua_pop(L, 1);
  return current && current->daemon;
}

static void set_daemon(lua_State *L, int ud, struct bl_lprocess *p) {
  if (bl_lprocess_spec(L, ud, "daemon") == LUA_TNIL)
    p->daemon = inherited_daemon(L);
  else
    p->daemon = lua_toboolean(L, -1);
  lua_pop(L, 1);
}

static void set_fields(lua_State *L, int ud) {
  if (bl_lprocess_spec(L, ud, "fields") == LUA_TTABLE)
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2); /* ... key value key value */
      bl_lproperty_set_field(L, ud, -2);
    }
  lua_pop(L, 1);
  lua_pushnil(L); /* they stand in one place */
  bl_lprocess_set_spec(L, ud, "fields");
}

static struct bl_lprocess *new_userdata(lua_State *L) {
  struct bl_lprocess *p = bl_compat_newuserdata(L, sizeof *p, BL_LUV_COUNT);
  *p = (struct bl_lprocess){.owner = bl_self_pid(), .joined_at_exit = 1};
  luaL_setmetatable(L, BL_LPROCESS);
  return p;
}

/* Process{ ... }: called with the class and the options. */
static int process_new(lua_State *L) {
  if (lua_isnone(L, 2)) lua_newtable(L);
  if (!lua_istable(L, 2))
    return luaL_error(L, "Process takes one table of options, got %s",
                      luaL_typename(L, 2));
  lua_settop(L, 2);
  bl_lspec_new(L, 2);                      /* class options spec */
  struct bl_lprocess *p = new_userdata(L); /* class options spec self */
  lua_pushvalue(L, 3);
  bl_compat_setvalue(L, 4, BL_LUV_SPEC);
  lua_pushvalue(L, 1);
  bl_compat_setvalue(L, 4, BL_LUV_CLASS);
  p->command = bl_lprocess_spec(L, 4, "command") == LUA_TTABLE;
  lua_pop(L, 1);
  if (!p->command) {
    lua_pushvalue(L, 3);
    bl_lmethod_choose(L, 1);
    lua_pop(L, 1);
  }
  set_fields(L, 4);
  set_daemon(L, 4, p);
  set_identity(L, 4);
  set_authkey(L, 4);
  lua_settop(L, 4);
  return 1;
}

/* Moves a field of the spec to where it stands in a Process, which is on top. */
static void move(lua_State *L, int spec, const char *key, int value) {
  lua_getfield(L, spec, key);
  bl_compat_setvalue(L, -2, value);
  lua_pushnil(L);
  lua_setfield(L, spec, key);
}

struct bl_lprocess *bl_lbuild_self(lua_State *L, int index) {
  index = lua_absindex(L, index);
  struct bl_lprocess *p = new_userdata(L);
  lua_pushvalue(L, index);
  bl_compat_setvalue(L, -2, BL_LUV_SPEC);
  move(L, index, "class", BL_LUV_CLASS);
  move(L, index, "fields", BL_LUV_FIELDS);
  lua_getfield(L, index, "daemon");
  p->daemon = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return p;
}

void bl_lbuild_main(lua_State *L) {
  struct bl_lprocess *p = new_userdata(L); /* self */
  p->stage = BL_LSTAGE_SELF;
  lua_createtable(L, 0, 3); /* self spec */
  lua_pushliteral(L, "MainProcess");
  lua_setfield(L, -2, "name");
  lua_pushliteral(L, "");
  lua_setfield(L, -2, "identity");
  bl_lsecret_random(L, 32);
  lua_setfield(L, -2, "authkey");
  bl_compat_setvalue(L, -2, BL_LUV_SPEC);
  luaL_getmetatable(L, BL_LPROCESS);
  lua_getfield(L, -1, "class");
  bl_compat_setvalue(L, -3, BL_LUV_CLASS);
  lua_pop(L, 1);
  bl_lstate_set(L, BL_LCURRENT);
  bl_lstate(L)->current = p;
}

void bl_lbuild_open(lua_State *L) {
  lua_getfield(L, -1, "Process");
  lua_pushliteral(L, "Process");
  lua_setfield(L, -2, "__name");
  lua_createtable(L, 0, 4);
  lua_pushcfunction(L, process_new);
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}
