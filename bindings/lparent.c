/* SPDX-License-Identifier: MIT */
/* A child keeps its parent's number and Process; all else is made when
 * somebody asks, so that a start does not pay for it. */
#include "bindings/lparent.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "bindings/lstate.h"
#include "bindings/lwaiter.h"
#include "runtime/fd.h"
#include "runtime/poll.h"
#include "runtime/self.h"

#define PARENT "billiard.ParentProcess"

struct lparent {
  pid_t pid;
  pid_t owner;
  int fd; /* BL_FD_NONE: not asked for yet */
};

static struct lparent *check(lua_State *L) {
  struct lparent *p = luaL_checkudata(L, 1, PARENT);
  if (p->owner != bl_self_pid())
    luaL_error(L, "ParentProcess belongs to process %d", (int)p->owner);
  return p;
}

/* 1 when the parent has ended by the deadline, BL_ETIMEOUT when not, other
 * negatives: error. */
static int look(struct lparent *p, int64_t until_ns) {
  if (p->fd == BL_FD_NONE) {
    int fd = bl_self_parent_fd(p->pid);
    if (fd < 0) return fd == BL_ECLOSED ? 1 : fd;
    p->fd = fd;
  }
  int r = bl_poll_one(p->fd, POLLIN, until_ns);
  return r == 0 ? BL_ETIMEOUT : r;
}

/* ---- join, is_alive ---- */

static int join_look(lua_State *L, int64_t until_ns) {
  return look(check(L), until_ns);
}

static int join_done(lua_State *L, int r) {
  if (r < 0) return bl_lerror_return(L, r, "parent: join");
  lua_pushboolean(L, 1);
  lua_pushliteral(L, "unknown"); /* its exit status is its own parent's */
  return 2;
}

static int parent_join(lua_State *L) {
  static const struct bl_lcall join = {join_look, bl_lwaiter_self, join_done};
  check(L);
  return bl_lwaiter_call(L, &join, bl_lopt_deadline(L, 2));
}

static int alive_done(lua_State *L, int r) {
  if (r < 0 && r != BL_ETIMEOUT)
    return bl_lerror_return(L, r, "parent: is_alive");
  lua_pushboolean(L, r == BL_ETIMEOUT);
  return 1;
}

static int parent_is_alive(lua_State *L) {
  static const struct bl_lcall call = {join_look, bl_lwaiter_self, alive_done};
  return bl_lwaiter_call(L, &call, 0);
}

/* ---- in a loop of somebody else's ---- */

static int push_fd(lua_State *L, const char *what) {
  struct lparent *p = check(L);
  int r = look(p, 0);
  if (r < 0 && r != BL_ETIMEOUT) return bl_lerror_return(L, r, what);
  if (p->fd == BL_FD_NONE) return bl_lerror_return(L, BL_ECLOSED, NULL);
  lua_pushinteger(L, p->fd);
  return 1;
}

static int parent_fileno(lua_State *L) { return push_fd(L, "parent: fileno"); }
static int parent_pollfd(lua_State *L) { return push_fd(L, "parent: pollfd"); }

static int parent_events(lua_State *L) {
  check(L);
  lua_pushliteral(L, "r");
  return 1;
}

/* Nothing is ever due. */
static int parent_timeout(lua_State *L) {
  check(L);
  return 0;
}

static int parent_index(lua_State *L) {
  struct lparent *p = check(L);
  const char *key = luaL_checkstring(L, 2);
  if (strcmp(key, "pid") == 0) lua_pushinteger(L, p->pid);
  else if (strcmp(key, "name") == 0) bl_compat_getvalue(L, 1, 1);
  else lua_getfield(L, lua_upvalueindex(1), key);
  return 1;
}

static int parent_tostring(lua_State *L) {
  struct lparent *p = luaL_checkudata(L, 1, PARENT);
  bl_compat_getvalue(L, 1, 1);
  lua_pushfstring(L, "<ParentProcess(%s, pid %d)>", lua_tostring(L, -1),
                  (int)p->pid);
  return 1;
}

static int parent_gc(lua_State *L) {
  struct lparent *p = luaL_checkudata(L, 1, PARENT);
  p->fd = bl_fd_close(p->fd);
  return 0;
}

void bl_lparent_new(lua_State *L, pid_t pid, int *fd) {
  struct lparent *p = bl_compat_newuserdata(L, sizeof *p, 1);
  *p = (struct lparent){pid, bl_self_pid(), BL_FD_NONE};
  luaL_setmetatable(L, PARENT);
  lua_insert(L, -2); /* parent name */
  bl_compat_setvalue(L, -2, 1);
  p->fd = *fd;
  *fd = BL_FD_NONE;
}

/* The parent's Process is on top: what is known of it from here. */
static void new_parent(lua_State *L) {
  int none = BL_FD_NONE;
  bl_lprocess_spec(L, -1, "name"); /* process name */
  bl_lparent_new(L, bl_lstate(L)->parent, &none);
  lua_pushvalue(L, -1);
  bl_lstate_set(L, BL_LPARENT);
}

/* BL_LPARENT is the parent's Process until the first call. */
static int parent_process(lua_State *L) {
  bl_lstate_get(L, BL_LPARENT);
  if (bl_lprocess_test(L, -1)) new_parent(L);
  return 1;
}

void bl_lparent_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"is_alive", parent_is_alive},
                                     {"join", parent_join},
                                     {"fileno", parent_fileno},
                                     {"pollfd", parent_pollfd},
                                     {"events", parent_events},
                                     {"timeout", parent_timeout},
                                     {NULL, NULL}};
  luaL_newmetatable(L, PARENT);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, parent_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, parent_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, parent_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, parent_process);
  lua_setfield(L, -2, "parent_process");
}
