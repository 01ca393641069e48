/* SPDX-License-Identifier: MIT */
#include "bindings/lconnection.h"

#include <string.h>

#include "bindings/lhandle.h"
#include "runtime/error.h"
#include "runtime/self.h"

struct bl_lconnection *bl_lconnection_new(lua_State *L) {
  struct bl_lconnection *c =
      bl_compat_newuserdata(L, sizeof *c, BL_LUV_ROOM);
  *c = (struct bl_lconnection){.magic = BL_LCONNECTION_MAGIC};
  luaL_setmetatable(L, BL_LCONNECTION);
  return c;
}

void bl_lconnection_give(struct bl_lconnection *c,
                         struct bl_channel *channel) {
  c->channel = channel;
  c->open = 1;
}

/* By size and a magic word: luaL_checkudata takes five times as long. */
struct bl_lconnection *bl_lconnection_test(lua_State *L, int index) {
  struct bl_lconnection *c = lua_touserdata(L, index);
  return c && lua_rawlen(L, index) == sizeof *c &&
                 c->magic == BL_LCONNECTION_MAGIC
             ? c
             : NULL;
}

static struct bl_lconnection *check_any(lua_State *L) {
  struct bl_lconnection *c = bl_lconnection_test(L, 1);
  return c ? c : luaL_checkudata(L, 1, BL_LCONNECTION);
}

struct bl_lconnection *bl_lconnection_check(lua_State *L, const char *what) {
  struct bl_lconnection *c = check_any(L);
  if (!c->open) luaL_error(L, "%s: Connection is closed", what);
  return c;
}

/* ---- pipes of which both ends are open here ---- */

static void enlist(struct bl_lconnection *c, struct bl_lconnection **list) {
  c->list = list;
  c->next = *list;
  if (c->next) c->next->previous = c;
  *list = c;
}

static void strike(struct bl_lconnection *c) {
  if (c->next) c->next->previous = c->previous;
  if (c->previous) c->previous->next = c->next;
  else *c->list = c->next;
  c->next = c->previous = c->other = NULL;
}

void bl_lconnection_join(struct bl_lconnection *a, struct bl_lconnection *b,
                         struct bl_lconnection **list) {
  enlist(a, list);
  enlist(b, list);
  a->other = b;
  b->other = a;
}

/* ---- the end ---- */

/* Coroutines of another process, before the fork, do not count. */
static int waiters(const struct bl_lconnection *c) {
  return c->waited == bl_self_pid() ? c->waiters : 0;
}

void bl_lconnection_close(struct bl_lconnection *c) {
  if (!c->open) return;
  if (c->other) {
    strike(c->other);
    strike(c);
  }
  c->open = 0;
  if (waiters(c) > 0) bl_channel_leave(c->channel);
  else c->channel = bl_channel_free(c->channel);
}

void bl_lconnection_enter(struct bl_lconnection *c) {
  c->waiters = waiters(c) + 1;
  c->waited = bl_self_pid();
}

void bl_lconnection_leave(struct bl_lconnection *c) {
  if (--c->waiters == 0 && !c->open)
    c->channel = bl_channel_free(c->channel);
}

static int connection_close(lua_State *L) {
  bl_lconnection_close(check_any(L));
  lua_pushboolean(L, 1);
  return 1;
}

static int connection_gc(lua_State *L) {
  struct bl_lconnection *c = luaL_checkudata(L, 1, BL_LCONNECTION);
  bl_lconnection_close(c);
  c->channel = bl_channel_free(c->channel);
  return 0;
}

/* ---- who may send functions ---- */

static int is_maker(const struct bl_lconnection *c) {
  return c->origin == BL_LMADE && c->maker == bl_self_pid();
}

enum bl_profile bl_lconnection_sends(const struct bl_lconnection *c) {
  if (c->origin == BL_LRAISED) return BL_PROFILE_UP;
  return c->functions || is_maker(c) ? BL_PROFILE_DOWN : BL_PROFILE_UP;
}

enum bl_profile bl_lconnection_accepts(const struct bl_lconnection *c) {
  if (c->origin == BL_LRAISED) return BL_PROFILE_UP;
  return c->functions || !is_maker(c) ? BL_PROFILE_DOWN : BL_PROFILE_UP;
}

/* ---- travelling: the value is the end's kind, and flags ---- */

enum { KINDS = 4, FUNCTIONS = 4, RAISED = 8, VALUES = 16 };

static int give(struct bl_lwriter *w, int *fds) {
  const struct bl_lconnection *c = lua_touserdata(w->L, -1);
  if (!c->open) return bl_lwriter_refuse(w, "a Connection that is closed");
  bl_channel_fds(c->channel, fds);
  int64_t value = (int64_t)bl_channel_kind(c->channel);
  if (c->functions) value |= FUNCTIONS;
  if (c->origin == BL_LRAISED) value |= RAISED;
  return bl_pack_integer(w->out, value);
}

/* What comes from below stays there. */
static void set_origin(struct bl_lconnection *c, enum bl_profile from,
                       int64_t value) {
  int raised = from == BL_PROFILE_UP || (value & RAISED);
  c->origin = raised ? BL_LRAISED : BL_LGIVEN;
  c->functions = (value & FUNCTIONS) != 0;
}

static void take(struct bl_lreader *r, int *fds) {
  struct bl_unpack_item it;
  struct bl_channel *channel;
  bl_lreader_next(r, &it);
  if (it.kind != BL_UNPACK_INTEGER || it.integer < 0 || it.integer >= VALUES)
    luaL_error(r->L, "a Connection of no kind");
  struct bl_lconnection *c = bl_lconnection_new(r->L);
  int error = bl_channel_adopt((unsigned)it.integer % KINDS, fds, &channel);
  for (int i = 0; i < BL_CHANNEL_FDS; i++) fds[i] = BL_FD_NONE;
  if (error < 0) luaL_error(r->L, "a Connection: %s", bl_error_text(error));
  set_origin(c, r->profile, it.integer);
  bl_lconnection_give(c, channel);
}

static const struct bl_lhandle_type type = {BL_LCONNECTION, BL_CHANNEL_FDS, 0,
                                            give, take};

/* ---- the object ---- */

static const char *directions(const struct bl_lconnection *c) {
  if (!bl_channel_writable(c->channel)) return ", receives";
  return bl_channel_readable(c->channel) ? "" : ", sends";
}

static int connection_tostring(lua_State *L) {
  struct bl_lconnection *c = luaL_checkudata(L, 1, BL_LCONNECTION);
  int fds[BL_CHANNEL_FDS];
  if (!c->open) {
    lua_pushliteral(L, "<Connection(closed)>");
    return 1;
  }
  bl_channel_fds(c->channel, fds);
  lua_pushfstring(L, "<Connection(fd %d%s)>", fds[0], directions(c));
  return 1;
}

static int get_closed(const struct bl_lconnection *c) { return !c->open; }

static int get_readable(const struct bl_lconnection *c) {
  return c->open && bl_channel_readable(c->channel);
}

static int get_writable(const struct bl_lconnection *c) {
  return c->open && bl_channel_writable(c->channel);
}

static const struct {
  const char *name;
  int (*get)(const struct bl_lconnection *c);
} fields[] = {{"closed", get_closed},
              {"readable", get_readable},
              {"writable", get_writable}};

/* Methods are the upvalue. */
static int connection_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_tostring(L, 2);
  const struct bl_lconnection *c = check_any(L);
  for (size_t i = 0; key && i < sizeof fields / sizeof fields[0]; i++)
    if (strcmp(key, fields[i].name) == 0) {
      lua_pushboolean(L, fields[i].get(c));
      return 1;
    }
  return 0;
}

void bl_lconnection_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", connection_close},
                                     {NULL, NULL}};
  static const luaL_Reg events[] = {{"__tostring", connection_tostring},
                                    {"__gc", connection_gc},
                                    {"__close", connection_close},
                                    {NULL, NULL}};
  luaL_newmetatable(L, BL_LCONNECTION);
  luaL_setfuncs(L, events, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods"); /* lmessage.c adds to them */
  lua_pushcclosure(L, connection_index, 1);
  lua_setfield(L, -2, "__index");
  bl_lhandle_add(L, &type);
  lua_pop(L, 1);
}
