/* SPDX-License-Identifier: MIT */
#include "bindings/host/preload.h"

#include <lauxlib.h>
#include <string.h>

#include "bindings/core.h"
#include "bindings/host/embedded.h"
#include "bindings/host/system.h"

/* Pushes where the text came from, for messages and tracebacks: the module's
 * path below scripts/, a package being the init.lua of its folder. */
static const char *push_chunk_name(lua_State *L, const char *module) {
  const char *path = luaL_gsub(L, module, ".", "/");
  const char *file = strchr(module, '.') ? "" : "/init";
  const char *name = lua_pushfstring(L, "@%s%s.lua", path, file);
  lua_remove(L, -2); /* name */
  return name;
}

/* A loader for package.preload: compiles the text that its upvalue stands
 * for, and runs it as require does. */
static int load_embedded(lua_State *L) {
  const struct bl_embedded *e = lua_touserdata(L, lua_upvalueindex(1));
  const char *name = push_chunk_name(L, e->name);
  if (luaL_loadbufferx(L, (const char *)e->text, e->size, name, "t") != LUA_OK)
    return lua_error(L);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

void preload_add(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_billiard_core);
  lua_setfield(L, -2, "billiard.core");
  lua_pushcfunction(L, luaopen_billiard_host_system);
  lua_setfield(L, -2, "billiard.host.system");
  for (const struct bl_embedded *e = bl_embedded; e->name; e++) {
    lua_pushlightuserdata(L, (void *)(size_t)e);
    lua_pushcclosure(L, load_embedded, 1);
    lua_setfield(L, -2, e->name);
  }
  lua_pop(L, 1);
}
