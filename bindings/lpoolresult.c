/* SPDX-License-Identifier: MIT */
/* AsyncResult: a table, whose class is the Lua half's (pool/result.lua). There
 * may be a million of them, and most are plain: no options, and nobody who
 * watches. What happens to those happens here; all else is left to Lua. The
 * same goes for the parts of a map (pool/chunks.lua), and what has no parts. */
#include "bindings/lerror.h"
#include "bindings/lpool_impl.h"
#include "bindings/lunpack.h"
#include "runtime/self.h"

/* Upvalues of the functions here, and of bl_lpool_next(): the two classes, and
 * the names of fields, which would have to be looked up each time. */
enum { RESULTS = 1, PARTS, INTAKE, CORE, POOL, TICKET, N, VALUE, OPTIONS,
       WATCH, WHOLE, LIST, FIRST, UPVALUES = FIRST };
static const char *const names[] = {
    [INTAKE] = "intake", [CORE] = "core",       [POOL] = "pool",
    [TICKET] = "ticket", [N] = "n",             [VALUE] = "value",
    [WATCH] = "watch",   [OPTIONS] = "options", [WHOLE] = "whole",
    [LIST] = "list",     [FIRST] = "first"};

static void push_up(lua_State *L, int upvalue) {
  lua_pushvalue(L, lua_upvalueindex(upvalue));
}

/* Pushes the field of the table at index, counted from the bottom. */
static int get_field(lua_State *L, int index, int name) {
  push_up(L, name);
  return lua_rawget(L, index);
}

static int has_field(lua_State *L, int index, int name) {
  int type = get_field(L, index, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

static int is_of(lua_State *L, int index, int class) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return 0;
  push_up(L, class);
  int is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is;
}

/* Pushes the field of the Pool at index that holds its core, where that is
 * open and this process's own; null where it is not, and something else is
 * pushed. */
static struct bl_lpool *push_core(lua_State *L, int index, int name) {
  if (lua_istable(L, index)) get_field(L, index, name);
  else lua_pushnil(L);
  struct bl_lpool *p = bl_lpool_test(L, -1);
  return p && p->pool && p->owner == bl_self_pid() ? p : NULL;
}

/* ---- how it begins ---- */

/* Slots of the stack; first the Pool is where its core will be. */
enum { HANDLE = 1, FUNCTION, ARGS, SELF, RESULT };

/* Is there nothing to it that Lua had to look at? */
static struct bl_lpool *prepare(lua_State *L) {
  if (lua_type(L, FUNCTION) != LUA_TFUNCTION) return NULL;
  struct bl_lpool *p = push_core(L, HANDLE, INTAKE);
  if (!p || p->busy) return NULL;
  lua_pushvalue(L, HANDLE);
  lua_copy(L, SELF, HANDLE);
  lua_replace(L, SELF);
  if (!lua_isnil(L, ARGS)) return lua_istable(L, ARGS) ? p : NULL;
  lua_newtable(L);
  lua_replace(L, ARGS);
  return p;
}

static void push_new(lua_State *L, lua_Integer ticket) {
  lua_createtable(L, 0, 4);
  push_up(L, POOL);
  lua_pushvalue(L, SELF);
  lua_rawset(L, RESULT);
  push_up(L, TICKET);
  lua_pushinteger(L, ticket);
  lua_rawset(L, RESULT);
  push_up(L, RESULTS);
  lua_setmetatable(L, RESULT);
  bl_compat_getvalue(L, HANDLE, BL_LPOOL_PENDING);
  lua_pushvalue(L, RESULT);
  lua_rawseti(L, -2, ticket);
  lua_pop(L, 1);
}

/* pool_submit(pool, f, args, plain) -> AsyncResult; or nil, message, code;
 * nothing where that is left to Lua, and nothing was done. A pool's intake is
 * its core, while tasks without options may go straight into it. */
static int pool_submit(lua_State *L) {
  uint64_t ticket;
  int plain = lua_toboolean(L, 4);
  lua_settop(L, ARGS);
  struct bl_lpool *p = prepare(L);
  if (!p) return 0;
  int r = plain ? bl_lpool_send_plain(L, p, &ticket)
                : bl_lpool_send(L, p, &ticket);
  if (r == BL_EUNSENDABLE) return 0;
  if (r < 0) return bl_lerror_return(L, r, "submit");
  lua_settop(L, SELF);
  push_new(L, (lua_Integer)ticket);
  return 1;
}

/* ---- how it ends ---- */

static int is_plain(lua_State *L, int r) {
  return is_of(L, r, RESULTS) && !has_field(L, r, OPTIONS) &&
         !has_field(L, r, WATCH) && !has_field(L, r, N);
}

int bl_lpool_settle(lua_State *L, const struct bl_pool_event *e, int n) {
  int value = lua_gettop(L), pending = value + 1, r = value + 2;
  bl_compat_getvalue(L, 1, BL_LPOOL_PENDING);
  lua_rawgeti(L, pending, (lua_Integer)e->ticket);
  if (!is_plain(L, r)) {
    lua_settop(L, value);
    return 0;
  }
  push_up(L, N);
  lua_pushinteger(L, n);
  lua_rawset(L, r);
  push_up(L, VALUE);
  lua_pushvalue(L, value);
  lua_rawset(L, r);
  push_up(L, TICKET);
  lua_pushinteger(L, -bl_process_pid(e->process));
  lua_rawset(L, r);
  lua_pushnil(L);
  lua_rawseti(L, pending, (lua_Integer)e->ticket);
  return 1;
}

static lua_Integer integer_field(lua_State *L, int index, int name) {
  get_field(L, index, name);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

int bl_lpool_fill(lua_State *L, const struct bl_pool_event *e) {
  struct bl_unpack u;
  int top = lua_gettop(L), part = top + 2, whole = top + 3, list = top + 4;
  bl_compat_getvalue(L, 1, BL_LPOOL_PENDING);
  lua_rawgeti(L, top + 1, (lua_Integer)e->ticket);
  ptrdiff_t n = bl_lunpack_open(&u, e->bytes, e->size);
  int filled = is_of(L, part, PARTS) && n == integer_field(L, part, N) &&
               get_field(L, part, WHOLE) == LUA_TTABLE &&
               get_field(L, whole, LIST) == LUA_TTABLE &&
               bl_lunpack_fill(L, list, integer_field(L, part, FIRST), n, &u);
  lua_settop(L, top);
  if (filled) lua_pushboolean(L, 1);
  return filled;
}

/* pool_known(result) -> its n and its value, where it has ended and is this
 * process's own; else nothing. */
static int pool_known(lua_State *L) {
  lua_settop(L, 1);
  if (!is_of(L, 1, RESULTS)) return 0;
  get_field(L, 1, POOL);
  if (!push_core(L, 2, CORE) || get_field(L, 1, N) == LUA_TNIL) return 0;
  get_field(L, 1, VALUE);
  return 2;
}

/* Sets functions in the table on top; the classes are at `classes`. */
static void set_functions(lua_State *L, int classes,
                          const luaL_Reg *functions) {
  lua_pushvalue(L, classes);
  lua_pushvalue(L, classes + 1);
  for (int i = PARTS + 1; i <= UPVALUES; i++) lua_pushstring(L, names[i]);
  luaL_setfuncs(L, functions, UPVALUES);
}

void bl_lpool_open_results(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"pool_submit", pool_submit}, {"pool_known", pool_known}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"next", bl_lpool_next}, {NULL, NULL}};
  int core = lua_gettop(L), classes = core + 1;
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, core);
  set_functions(L, classes, functions);
  lua_getfield(L, core, "methods");
  lua_getfield(L, -1, "PoolCore");
  set_functions(L, classes, methods);
  lua_settop(L, classes + 1);
  lua_setfield(L, core, "PoolPart");
  lua_setfield(L, core, "AsyncResult");
}
