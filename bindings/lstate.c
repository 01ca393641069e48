/* SPDX-License-Identifier: MIT */
#include "bindings/lstate.h"

#include "runtime/base.h"
#include "runtime/fd.h"
#include "runtime/lock.h"
#include "runtime/self.h"
#include "runtime/zygote.h"

static const char record_key;    /* its address is the registry key */
static struct bl_lstate *states; /* bl_lock */

static int state_gc(lua_State *L) {
  struct bl_lstate *gone = lua_touserdata(L, 1);
  if (gone->pid == bl_self_pid()) {
    gone->bell = bl_fd_close(gone->bell);
    if (gone->tid == bl_self_tid()) bl_zygote_release();
  }
  bl_lock();
  struct bl_lstate **at = &states;
  while (*at && *at != gone) at = &(*at)->next;
  if (*at) *at = gone->next;
  bl_unlock();
  return 0;
}

static void push_main_thread(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
}

void bl_lstate_open(lua_State *L) {
  struct bl_lstate *s = bl_compat_newuserdata(L, sizeof *s, BL_LVALUES); /* s */
  *s = (struct bl_lstate){.pid = bl_self_pid(), .tid = bl_self_tid()};
  s->bell = BL_FD_NONE;
  push_main_thread(L); /* s main */
  s->L = lua_tothread(L, -1);
  lua_pop(L, 1); /* s */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, state_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &record_key);
  bl_lock();
  s->next = states;
  states = s;
  bl_unlock();
}

static struct bl_lstate *record(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &record_key);
  struct bl_lstate *s = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return s;
}

struct bl_lstate *bl_lstate(lua_State *L) {
  struct bl_lstate *s = record(L);
  if (s && s->pid != bl_self_pid()) bl_lstate_adopt(L);
  return s;
}

void bl_lstate_get(lua_State *L, enum bl_lvalue which) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &record_key); /* s */
  bl_compat_getvalue(L, -1, (int)which);          /* s value */
  lua_remove(L, -2);
}

void bl_lstate_set(lua_State *L, enum bl_lvalue which) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &record_key); /* value s */
  lua_insert(L, -2);                              /* s value */
  bl_compat_setvalue(L, -2, (int)which);
  lua_pop(L, 1);
}

void bl_lstate_table(lua_State *L, enum bl_lvalue which) {
  bl_lstate_get(L, which);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  bl_lstate_set(L, which);
}

static void forget(lua_State *L, enum bl_lvalue which) {
  lua_pushnil(L);
  bl_lstate_set(L, which);
}

pid_t bl_lstate_adopt(lua_State *L) {
  struct bl_lstate *s = record(L);
  pid_t before = s->pid;
  s->pid = s->tid = bl_self_pid(); /* fork leaves one thread, the first */
  s->counter = 0;
  s->ended = BL_LEND_NOT;
  s->children = s->due = NULL;
  s->bell = BL_FD_NONE; /* the parent's: the runtime rings it */
  s->has_waiter = 0;
  forget(L, BL_LCHILDREN);
  forget(L, BL_LAT_EXIT);
  forget(L, BL_LWAITER); /* its loop is the parent's */
  forget(L, BL_LEAR);
  forget(L, BL_LBODY); /* the thread that this process itself runs on */
  return before;
}

struct bl_lstate *bl_lstate_of_thread(void) {
  pid_t pid = bl_self_pid(), tid = bl_self_tid();
  bl_lock();
  struct bl_lstate *s = states;
  while (s && (s->pid != pid || s->tid != tid || s->ended == BL_LEND_DONE)) s = s->next;
  bl_unlock();
  return s;
}
