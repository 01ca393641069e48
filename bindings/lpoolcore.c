/* SPDX-License-Identifier: MIT */
/* What a core is, and the workers it holds. */
#include "bindings/lpool_impl.h"
#include "runtime/clock.h"
#include "runtime/self.h"

const struct bl_lclass bl_lpool_class = {"PoolCore", "billiard.PoolCore",
                                         sizeof(struct bl_lpool)};

struct bl_lpool *bl_lpool_test(lua_State *L, int index) {
  return bl_lclass_test(L, index, &bl_lpool_class);
}

struct bl_lpool *bl_lpool_check(lua_State *L, const char *what) {
  struct bl_lpool *p = bl_lclass_check(L, 1, &bl_lpool_class);
  if (p->owner != bl_self_pid())
    luaL_error(L, "%s: Pool belongs to process %d", what, (int)p->owner);
  if (!p->pool) luaL_error(L, "%s: Pool is closed", what);
  return p;
}

struct bl_lpool *bl_lpool_idle(lua_State *L, const char *what) {
  struct bl_lpool *p = bl_lpool_check(L, what);
  if (p->busy)
    luaL_error(L, "%s: not while a result of the same Pool is unpacked", what);
  return p;
}

/* ---- workers ---- */

void bl_lpool_process(lua_State *L, int worker) {
  bl_compat_getvalue(L, 1, BL_LPOOL_PROCESSES);
  lua_rawgeti(L, -1, worker + 1);
  lua_remove(L, -2);
}

/* Pops the Process, or nil. */
static void set_process(lua_State *L, int worker) {
  bl_compat_getvalue(L, 1, BL_LPOOL_PROCESSES);
  lua_insert(L, -2);
  lua_rawseti(L, -2, worker + 1);
  lua_pop(L, 1);
}

static void release(struct bl_lprocess *process) {
  process->holder = NULL;
  process->next_held = NULL;
}

void bl_lpool_hold(lua_State *L, struct bl_lpool *p, int worker, int index) {
  struct bl_lprocess *process = bl_lprocess_test(L, index);
  process->holder = &p->shed;
  process->next_held = p->held;
  p->held = process;
  lua_pushvalue(L, index);
  set_process(L, worker);
}

void bl_lpool_forget(lua_State *L, struct bl_lpool *p, int worker) {
  bl_lpool_process(L, worker);
  struct bl_lprocess *gone = bl_lprocess_test(L, -1);
  struct bl_lprocess **at = &p->held;
  while (*at && *at != gone) at = &(*at)->next_held;
  if (*at) *at = gone->next_held;
  release(gone);
  bl_lprocess_poll(L, gone);
  lua_pushnil(L);
  set_process(L, worker);
  lua_pop(L, 1);
}

void bl_lpool_drop(struct bl_lpool *p) {
  bl_lshed_remove(&p->shed);
  while (p->held) {
    struct bl_lprocess *process = p->held;
    p->held = process->next_held;
    release(process);
  }
  p->pool = bl_pool_free(p->pool);
  bl_buf_reset(&p->out);
}

/* ---- values ---- */

void bl_lpool_push_time(lua_State *L, int64_t ns) {
  if (ns == 0) lua_pushnil(L);
  else lua_pushnumber(L, (lua_Number)ns / (lua_Number)BL_SECOND_NS);
}

void bl_lpool_new_functions(lua_State *L, int index) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  bl_compat_setvalue(L, index, BL_LPOOL_FUNCTIONS);
}
