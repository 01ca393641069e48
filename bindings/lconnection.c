/* SPDX-License-Identifier: MIT */
#include "bindings/lconnection.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lhandle.h"
#include "bindings/lopt.h"
#include "bindings/lstate.h"
#include "runtime/error.h"
#include "runtime/fd.h"
#include "runtime/pack.h"
#include "runtime/self.h"

#define METHODS "methods" /* field of the metatable */
#define MAGIC UINT32_C(0x636f6e6e) /* "conn" */

/* ---- which Connection, and may it be used ---- */

/* By its size and a word in it: half the cost of a look at the metatable. */
static struct bl_lconnection *quick_test(lua_State *L, int index) {
  struct bl_lconnection *c = lua_touserdata(L, index);
  if (!c || lua_rawlen(L, index) != sizeof *c || c->magic != MAGIC) return NULL;
  return c;
}

struct bl_lconnection *bl_lconnection_test(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TUSERDATA ? quick_test(L, index) : NULL;
}

/* It may be closed, and still be waited for. */
static struct bl_lconnection *check(lua_State *L) {
  struct bl_lconnection *c = quick_test(L, 1);
  return c ? c : luaL_checkudata(L, 1, BL_LCONNECTION);
}

struct bl_lconnection *bl_lconnection_check(lua_State *L, const char *what) {
  struct bl_lconnection *c = check(L);
  if (!c->channel || c->closing)
    luaL_error(L, "%s: Connection is closed", what);
  return c;
}

/* ---- functions go down ---- */

static int is_made_here(const struct bl_lconnection *c) {
  return c->origin == BL_LORIGIN_MADE && c->maker == bl_self_pid();
}

enum bl_profile bl_lconnection_sends(const struct bl_lconnection *c) {
  if (c->origin == BL_LORIGIN_RAISED) return BL_PROFILE_UP;
  return c->functions || is_made_here(c) ? BL_PROFILE_DOWN : BL_PROFILE_UP;
}

enum bl_profile bl_lconnection_accepts(const struct bl_lconnection *c) {
  if (c->origin == BL_LORIGIN_RAISED) return BL_PROFILE_UP;
  return c->functions || !is_made_here(c) ? BL_PROFILE_DOWN : BL_PROFILE_UP;
}

/* ---- making and closing ---- */

static struct bl_lconnection *new_connection(lua_State *L) {
  struct bl_lconnection *c = bl_compat_newuserdata(L, sizeof *c, 0);
  *c = (struct bl_lconnection){.magic = MAGIC, .maker = bl_self_pid()};
  luaL_setmetatable(L, BL_LCONNECTION);
  return c;
}

static void enlist(lua_State *L, struct bl_lconnection *c) {
  struct bl_lconnection **first = &bl_lstate(L)->connections;
  c->next = *first;
  c->at = first;
  if (c->next) c->next->at = &c->next;
  *first = c;
}

static void delist(struct bl_lconnection *c) {
  if (c->at) *c->at = c->next;
  if (c->at && c->next) c->next->at = c->at;
  c->at = NULL;
  if (c->partner) c->partner->partner = NULL;
  c->partner = NULL;
}

void bl_lconnection_drop(struct bl_lconnection *c) {
  delist(c);
  c->channel = bl_channel_free(c->channel);
  c->closing = 0;
}

/* Coroutines that waited when this process was forked are its parent's. */
static int has_waiters(const struct bl_lconnection *c) {
  return c->waiters > 0 && c->waited == bl_self_pid();
}

void bl_lconnection_wait_begin(struct bl_lconnection *c) {
  c->waiters = has_waiters(c) ? c->waiters + 1 : 1;
  c->waited = bl_self_pid();
}

int bl_lconnection_wait_end(struct bl_lconnection *c) {
  c->waiters--;
  if (!c->closing) return c->channel ? 0 : BL_ECLOSED;
  if (c->waiters == 0) bl_lconnection_drop(c);
  return BL_ECLOSED;
}

static int connection_close(lua_State *L) {
  struct bl_lconnection *c = check(L);
  if (!has_waiters(c) || !c->channel) {
    bl_lconnection_drop(c);
  } else if (!c->closing) {
    c->closing = 1;
    delist(c);
    bl_channel_shut(c->channel);
  }
  return 0;
}

static int connection_gc(lua_State *L) {
  bl_lconnection_drop(luaL_checkudata(L, 1, BL_LCONNECTION));
  return 0;
}

static void check_boolean(lua_State *L, int index, const char *key, int *to) {
  if (lua_getfield(L, index, key) != LUA_TNIL) *to = lua_toboolean(L, -1);
  lua_pop(L, 1);
}

/* Pipe([duplex] | { duplex =, functions = }) -> end, other end */
static int new_pipe(lua_State *L) {
  static const struct bl_lopt known[] = {
      {"duplex", BL_LOPT_BOOLEAN, 0, 0, NULL},
      {"functions", BL_LOPT_BOOLEAN, 0, 0, NULL},
      {NULL, BL_LOPT_ANY, 0, 0, NULL}};
  struct bl_channel *ends[2];
  struct bl_lconnection *made[2];
  int duplex = 1, functions = 0;
  if (lua_istable(L, 1)) {
    bl_lopt_check(L, 1, "Pipe", known);
    check_boolean(L, 1, "duplex", &duplex);
    check_boolean(L, 1, "functions", &functions);
  } else if (!lua_isnoneornil(L, 1)) {
    luaL_argexpected(L, lua_isboolean(L, 1), 1, "boolean or table");
    duplex = lua_toboolean(L, 1);
  }
  for (int i = 0; i < 2; i++) made[i] = new_connection(L);
  int r = bl_channel_pair(duplex, ends);
  if (r < 0) return bl_lerror_return(L, r, "Pipe");
  for (int i = 0; i < 2; i++) {
    made[i]->channel = ends[i];
    made[i]->functions = functions;
    made[i]->partner = made[1 - i];
    enlist(L, made[i]);
  }
  return 2;
}

int bl_lconnection_failed(lua_State *L, int r, const char *what) {
  if (r != BL_EBADFRAME) return bl_lerror_return(L, r, what);
  luaL_tolstring(L, 1, NULL);
  lua_pushnil(L);
  lua_pushfstring(L, "what came is no message of ours: %s ends here (%s)",
                  lua_tostring(L, -2), what);
  lua_pushstring(L, bl_error_name(r)); /* nil sentence code */
  return 3;
}

/* ---- travelling ---- */

/* Of the value that goes along: the kind, and flags. */
enum { KINDS = 256, FUNCTIONS = 256, RAISED = 512, VALUES = 1024 };

static int give(struct bl_lwriter *w, int *fds) {
  const struct bl_lconnection *c = quick_test(w->L, -1);
  if (!c->channel || c->closing)
    return bl_lwriter_refuse(w, "a closed Connection");
  bl_channel_fds(c->channel, fds);
  int64_t value = (int64_t)bl_channel_kind(c->channel);
  if (c->functions) value |= FUNCTIONS;
  if (c->origin == BL_LORIGIN_RAISED) value |= RAISED;
  return bl_pack_integer(w->out, value);
}

static int64_t read_kind(struct bl_lreader *r) {
  struct bl_unpack_item it;
  bl_lreader_next(r, &it);
  if (it.kind != BL_UNPACK_INTEGER || it.integer < 0 ||
      it.integer >= VALUES)
    luaL_error(r->L, "no Connection");
  return it.integer;
}

static void take(struct bl_lreader *r, int *fds) {
  int64_t kind = read_kind(r);
  struct bl_lconnection *c = new_connection(r->L);
  int error = bl_channel_adopt((unsigned)kind % KINDS, fds, &c->channel);
  for (int i = 0; i < BL_CHANNEL_FDS; i++) fds[i] = BL_FD_NONE;
  if (error < 0) luaL_error(r->L, "Connection: %s", bl_error_text(error));
  enlist(r->L, c);
  c->functions = (kind & FUNCTIONS) != 0;
  /* what came from below once stays so, whoever hands it on */
  c->origin = r->profile == BL_PROFILE_UP || (kind & RAISED)
                  ? BL_LORIGIN_RAISED
                  : BL_LORIGIN_GIVEN;
}

/* ---- in a loop of somebody else's ---- */

static int push_fd(lua_State *L, const char *what) {
  struct bl_lconnection *c = check(L);
  if (!c->channel) return luaL_error(L, "%s: Connection is closed", what);
  if (!bl_channel_readable(c->channel))
    return luaL_error(L, "%s: this end only sends", what);
  int fd = bl_channel_fd(c->channel);
  if (fd < 0) return bl_lerror_return(L, fd, what);
  lua_pushinteger(L, fd);
  return 1;
}

static int connection_fileno(lua_State *L) { return push_fd(L, "fileno"); }
static int connection_pollfd(lua_State *L) { return push_fd(L, "pollfd"); }
static int connection_getfd(lua_State *L) { return push_fd(L, "getfd"); }

static int connection_events(lua_State *L) {
  check(L);
  lua_pushliteral(L, "r");
  return 1;
}

/* Nothing is ever due. */
static int connection_timeout(lua_State *L) {
  check(L);
  return 0;
}

/* The descriptor says it all. */
static int connection_dirty(lua_State *L) {
  check(L);
  lua_pushboolean(L, 0);
  return 1;
}

/* ---- the object ---- */

static int connection_index(lua_State *L) {
  struct bl_lconnection *c = check(L);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  int open = c->channel && !c->closing;
  if (strcmp(key, "closed") == 0) lua_pushboolean(L, !open);
  else if (strcmp(key, "readable") == 0)
    lua_pushboolean(L, open && bl_channel_readable(c->channel));
  else if (strcmp(key, "writable") == 0)
    lua_pushboolean(L, open && bl_channel_writable(c->channel));
  else lua_pushnil(L);
  return 1;
}

static int connection_tostring(lua_State *L) {
  struct bl_lconnection *c = check(L);
  int fds[BL_CHANNEL_FDS];
  if (!c->channel || c->closing) {
    lua_pushliteral(L, "<Connection(closed)>");
    return 1;
  }
  bl_channel_fds(c->channel, fds);
  lua_pushfstring(L, "<Connection(fd %d%s)>", fds[0],
                  !bl_channel_writable(c->channel)   ? ", read-only"
                  : !bl_channel_readable(c->channel) ? ", write-only"
                                                     : "");
  return 1;
}

/* The metatable is on top. */
static void push_methods(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", connection_close},
                                     {"fileno", connection_fileno},
                                     {"pollfd", connection_pollfd},
                                     {"getfd", connection_getfd},
                                     {"events", connection_events},
                                     {"timeout", connection_timeout},
                                     {"dirty", connection_dirty},
                                     {NULL, NULL}};
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, METHODS);
}

void bl_lconnection_methods(lua_State *L) {
  luaL_getmetatable(L, BL_LCONNECTION);
  lua_getfield(L, -1, METHODS);
  lua_remove(L, -2);
}

void bl_lconnection_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__tostring", connection_tostring},
                                         {"__close", connection_close},
                                         {"__gc", connection_gc},
                                         {NULL, NULL}};
  static const struct bl_lhandle_type type = {
      BL_LCONNECTION, BL_CHANNEL_FDS, 0, give, take};
  luaL_newmetatable(L, BL_LCONNECTION);
  luaL_setfuncs(L, metamethods, 0);
  push_methods(L);
  lua_pushcclosure(L, connection_index, 1);
  lua_setfield(L, -2, "__index");
  bl_lhandle_add(L, &type);
  lua_pop(L, 1);
  lua_pushcfunction(L, new_pipe);
  lua_setfield(L, -2, "Pipe");
}
