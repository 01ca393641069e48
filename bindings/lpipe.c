/* SPDX-License-Identifier: MIT */
#include "bindings/lpipe.h"

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "bindings/lreach.h"
#include "bindings/lstate.h"
#include "runtime/self.h"

/* ---- around a fork ---- */

static void found(lua_State *L) {
  struct bl_lconnection *c = bl_lconnection_test(L, -1);
  if (c) c->reached = 1;
}

void bl_lpipe_choose(lua_State *L, int index) {
  struct bl_lconnection *c = bl_lstate(L)->pipes;
  if (!c) return;
  for (; c; c = c->next) c->reached = 0;
  int first = lua_gettop(L) + 1;
  bl_compat_getvalue(L, index, BL_LUV_SPEC);
  bl_compat_getvalue(L, index, BL_LUV_CLASS);
  bl_compat_getvalue(L, index, BL_LUV_FIELDS);
  if (bl_lreach(L, first, found)) return;
  for (c = bl_lstate(L)->pipes; c; c = c->next) c->reached = 0;
}

/* An end that the child was not given, while it was given the other. */
static struct bl_lconnection *find(lua_State *L) {
  struct bl_lconnection *c = bl_lstate(L)->pipes;
  while (c && (c->reached || !c->other->reached)) c = c->next;
  return c;
}

void bl_lpipe_part(lua_State *L) {
  struct bl_lconnection *c;
  while ((c = find(L)) != NULL) bl_lconnection_close(c);
}

/* ---- Pipe ---- */

struct options {
  int duplex, functions;
};

static int flag(lua_State *L, int index, const char *key, int otherwise) {
  if (lua_getfield(L, index, key) != LUA_TNIL)
    otherwise = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return otherwise;
}

static struct options check_options(lua_State *L) {
  static const struct bl_lopt known[] = {
      {"duplex", BL_LOPT_BOOLEAN, 0, 0, NULL},
      {"functions", BL_LOPT_BOOLEAN, 0, 0, NULL},
      {NULL, BL_LOPT_ANY, 0, 0, NULL}};
  struct options o = {1, 0};
  if (lua_isnoneornil(L, 1)) return o;
  if (lua_isboolean(L, 1)) {
    o.duplex = lua_toboolean(L, 1);
    return o;
  }
  if (!lua_istable(L, 1))
    luaL_error(L, "Pipe takes a boolean (duplex) or a table of options, got %s",
               luaL_typename(L, 1));
  bl_lopt_check(L, 1, "Pipe", known);
  o.duplex = flag(L, 1, "duplex", 1);
  o.functions = flag(L, 1, "functions", 0);
  return o;
}

/* Pipe([duplex | options]) -> Connection, Connection */
static int pipe_new(lua_State *L) {
  struct options o = check_options(L);
  struct bl_lconnection *ends[2];
  struct bl_channel *channels[2];
  for (int i = 0; i < 2; i++) {
    ends[i] = bl_lconnection_new(L);
    ends[i]->maker = bl_self_pid();
    ends[i]->functions = o.functions;
  }
  int r = bl_channel_pair(o.duplex, channels);
  if (r < 0) return bl_lerror_return(L, r, "Pipe");
  for (int i = 0; i < 2; i++) bl_lconnection_give(ends[i], channels[i]);
  bl_lconnection_join(ends[0], ends[1], &bl_lstate(L)->pipes);
  return 2;
}

void bl_lpipe_open(lua_State *L) {
  lua_pushcfunction(L, pipe_new);
  lua_setfield(L, -2, "Pipe");
}
