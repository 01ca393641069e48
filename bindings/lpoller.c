/* SPDX-License-Identifier: MIT */
/* The runtime knows descriptors and ids; the objects behind them are kept
 * here, which anchors them. Keys of the tables by id are id + 1. */
#include "bindings/lpoller.h"

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lprocess.h"
#include "bindings/lwaiter.h"
#include "runtime/clock.h"
#include "runtime/self.h"

#define POLLER "billiard.Poller"

struct lpoller {
  struct bl_poller *poller; /* null: closed */
  pid_t owner;
};

/* Tables tied to the userdata. */
enum {
  IDS = 1, /* object -> key */
  OBJECTS, /* key -> object */
  TAGS,    /* key -> tag, where there is one */
  TIMED,   /* key -> true: ask it for its timeout before each wait;
              false: it was due, and is among the ready already */
  TABLES = TIMED
};

/* The Poller at index, also a closed one, of this process. */
static struct lpoller *check_owner(lua_State *L, int index, const char *what) {
  struct lpoller *p = luaL_checkudata(L, index, POLLER);
  if (p->owner != bl_self_pid())
    luaL_error(L, "%s: Poller belongs to process %d", what, (int)p->owner);
  return p;
}

static struct lpoller *check(lua_State *L, int index, const char *what) {
  struct lpoller *p = check_owner(L, index, what);
  if (!p->poller) luaL_error(L, "%s: Poller is closed", what);
  return p;
}

int bl_lpoller_new(lua_State *L) {
  int error = 0;
  struct lpoller *p = bl_compat_newuserdata(L, sizeof *p, TABLES);
  *p = (struct lpoller){.owner = bl_self_pid()};
  luaL_setmetatable(L, POLLER);
  for (int i = 1; i <= TABLES; i++) {
    lua_newtable(L);
    bl_compat_setvalue(L, -2, i);
  }
  p->poller = bl_poller_new(&error);
  if (!p->poller) lua_pop(L, 1);
  return error;
}

struct bl_poller *bl_lpoller_at(lua_State *L, int index) {
  return check(L, index, "wait")->poller;
}

/* ---- add, remove ---- */

/* Pushes table[key]; its type. */
static int get(lua_State *L, int poller, int table, lua_Integer key) {
  bl_compat_getvalue(L, poller, table);
  int type = lua_rawgeti(L, -1, key);
  lua_remove(L, -2);
  return type;
}

/* Pops the value for table[key]. */
static void set(lua_State *L, int poller, int table, lua_Integer key) {
  bl_compat_getvalue(L, poller, table);
  lua_insert(L, -2);
  lua_rawseti(L, -2, key);
  lua_pop(L, 1);
}

/* Key of the value at index, 0 for a stranger. */
static lua_Integer key_of(lua_State *L, int poller, int index) {
  bl_compat_getvalue(L, poller, IDS);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  lua_Integer key = lua_tointeger(L, -1);
  lua_pop(L, 2);
  return key;
}

int bl_lpoller_has(lua_State *L, int poller, int index) {
  return key_of(L, poller, index) != 0;
}

/* Sets the key of the value at index; 0: none. */
static void set_key(lua_State *L, int poller, int index, lua_Integer key) {
  bl_compat_getvalue(L, poller, IDS);
  lua_pushvalue(L, index);
  if (key) lua_pushinteger(L, key);
  else lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

int bl_lpoller_add(lua_State *L, int poller, int index,
                   struct bl_lasker asker) {
  struct lpoller *p = check(L, poller, asker.call);
  short events = POLLIN;
  int fd = bl_lobject_fd(L, index, asker);
  if (fd >= 0) events = bl_lobject_events(L, index, asker);
  /* the state knows when a Process is due */
  int timed = !bl_lprocess_test(L, index) &&
              bl_lobject_due(L, index, asker) != BL_FOREVER;
  p = check(L, poller, asker.call); /* Lua code has run */
  int id = bl_poller_add(p->poller, fd, events);
  if (id < 0) return id;
  lua_Integer key = id + 1;
  lua_pushvalue(L, index);
  set(L, poller, OBJECTS, key);
  set_key(L, poller, index, key);
  if (!timed) return 0;
  lua_pushboolean(L, 1);
  set(L, poller, TIMED, key);
  return 0;
}

static int poller_add(lua_State *L) {
  static const struct bl_lasker asker = {"add", 0};
  check(L, 1, "add");
  luaL_checkany(L, 2);
  lua_settop(L, 3);
  if (lua_isnil(L, 2)) return luaL_argerror(L, 2, "nil cannot be waited for");
  luaL_argcheck(L, !bl_lpoller_has(L, 1, 2), 2, "is in this Poller already");
  if (bl_lprocess_test(L, 2)) bl_lprocess_child(L, 2, "add");
  int r = bl_lpoller_add(L, 1, 2, asker);
  if (r < 0) return bl_lerror_return(L, r, "add");
  set(L, 1, TAGS, key_of(L, 1, 2));
  lua_pushboolean(L, 1);
  return 1;
}

static int poller_remove(lua_State *L) {
  struct lpoller *p = check(L, 1, "remove");
  luaL_checkany(L, 2);
  lua_Integer key = lua_isnil(L, 2) ? 0 : key_of(L, 1, 2);
  luaL_argcheck(L, key != 0, 2, "is not in this Poller");
  bl_poller_remove(p->poller, (int)key - 1);
  set_key(L, 1, 2, 0);
  for (int table = OBJECTS; table <= TABLES; table++) {
    lua_pushnil(L);
    set(L, 1, table, key);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- wait: poller timeout results ---- */

enum { RESULTS = 3 };

/* Adds what stands for the object on top, which it pops, to the results. */
static void report(lua_State *L, lua_Integer key) {
  if (get(L, 1, TAGS, key) == LUA_TNIL) lua_pop(L, 1);
  else lua_replace(L, -2);
  lua_rawseti(L, RESULTS, (lua_Integer)lua_rawlen(L, RESULTS) + 1);
}

/* A descriptor is a hint: has the process at the top ended? */
static int still_runs(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_test(L, -1);
  return p && p->stage == BL_LSTAGE_STARTED && bl_lprocess_poll(L, p) == 0;
}

/* One whose descriptor is ready; what its timeout is may be news now. */
static void take_ready(lua_State *L, lua_Integer key) {
  int was_due = get(L, 1, TIMED, key) == LUA_TBOOLEAN && !lua_toboolean(L, -1);
  lua_pop(L, 1);
  int type = get(L, 1, OBJECTS, key);
  if (type == LUA_TNIL || was_due || still_runs(L)) {
    lua_pop(L, 1);
    return;
  }
  if (type != LUA_TNUMBER && !bl_lprocess_test(L, -1)) {
    lua_pushboolean(L, 1);
    set(L, 1, TIMED, key);
  }
  report(L, key);
}

/* A table that once was large takes long to go through. */
static void empty_timed(lua_State *L) {
  lua_newtable(L);
  bl_compat_setvalue(L, 1, TIMED);
}

/* Asks those that had a timeout for it; the earliest. With results, those that
 * are due go there. */
static int64_t ask_timed(lua_State *L, int results) {
  static const struct bl_lasker asker = {"wait", 0};
  int64_t first = BL_FOREVER;
  int asked = 0;
  bl_compat_getvalue(L, 1, TIMED);
  int timed = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, timed);) {
    lua_pop(L, 1);
    lua_Integer key = lua_tointeger(L, -1);
    get(L, 1, OBJECTS, key); /* timed key object */
    int64_t due = bl_lobject_due(L, timed + 2, asker);
    int now = due <= bl_now_ns();
    if (due < first) first = due;
    if (due == BL_FOREVER) lua_pushnil(L);
    else lua_pushboolean(L, !now || !results);
    lua_rawseti(L, timed, key);
    if (now && results) report(L, key);
    else lua_pop(L, 1);
    asked = 1;
  }
  lua_pop(L, 1);
  if (asked && first == BL_FOREVER) empty_timed(L);
  return first;
}

static int wait_look(lua_State *L, int64_t until_ns) {
  struct lpoller *p = check(L, 1, "wait");
  lua_newtable(L);
  lua_replace(L, RESULTS);
  int64_t kill = bl_lprocess_settle_due(L);
  int64_t due = ask_timed(L, 1);
  if (kill < due) due = kill;
  p = check(L, 1, "wait"); /* Lua code has run */
  int n = bl_poller_wait(p->poller, due < until_ns ? due : until_ns);
  if (n < 0) return n;
  /* a finalizer may run here, and close it */
  for (int i = 0; i < n && p->poller; i++)
    take_ready(L, bl_poller_ready(p->poller, i) + 1);
  return lua_rawlen(L, RESULTS) > 0 ? 1 : BL_ETIMEOUT;
}

static int wait_done(lua_State *L, int r) {
  if (r < 0 && r != BL_ETIMEOUT && r != BL_EINTR)
    return bl_lerror_return(L, r, "wait");
  lua_pushvalue(L, RESULTS);
  return 1;
}

static int poller_wait(lua_State *L) {
  static const struct bl_lcall wait = {wait_look, bl_lwaiter_self, wait_done};
  check(L, 1, "wait");
  int64_t deadline_ns = bl_lopt_deadline(L, 2);
  lua_settop(L, RESULTS);
  return bl_lwaiter_call(L, &wait, deadline_ns);
}

/* ---- in a loop of somebody else's ---- */

static int push_fd(lua_State *L, const char *what) {
  lua_pushinteger(L, bl_poller_fd(check(L, 1, what)->poller));
  return 1;
}

static int poller_fileno(lua_State *L) { return push_fd(L, "fileno"); }
static int poller_pollfd(lua_State *L) { return push_fd(L, "pollfd"); }
static int poller_getfd(lua_State *L) { return push_fd(L, "getfd"); }

static int poller_events(lua_State *L) {
  check(L, 1, "events");
  lua_pushliteral(L, "r");
  return 1;
}

/* When something will be due. */
static int64_t first_due(lua_State *L) {
  int64_t kill = bl_lprocess_settle_due(L);
  int64_t due = ask_timed(L, 0);
  return kill < due ? kill : due;
}

static int poller_timeout(lua_State *L) {
  check(L, 1, "timeout");
  return bl_lopt_push_left(L, first_due(L));
}

static int poller_dirty(lua_State *L) {
  check(L, 1, "dirty");
  int64_t due = first_due(L);
  int fd = bl_poller_fd(check(L, 1, "dirty")->poller);
  lua_pushboolean(L, due <= bl_now_ns() || bl_poll_one(fd, POLLIN, 0) > 0);
  return 1;
}

/* ---- the object ---- */

void bl_lpoller_close(lua_State *L, int index) {
  struct lpoller *p = luaL_testudata(L, index, POLLER);
  if (p) p->poller = bl_poller_free(p->poller);
}

/* In a child, only the copy goes. */
static int poller_gc(lua_State *L) {
  bl_lpoller_close(L, 1);
  return 0;
}

static int poller_close(lua_State *L) {
  check_owner(L, 1, "close");
  return poller_gc(L);
}

static int poller_tostring(lua_State *L) {
  struct lpoller *p = luaL_checkudata(L, 1, POLLER);
  if (!p->poller) lua_pushliteral(L, "<Poller(closed)>");
  else lua_pushfstring(L, "<Poller(%d objects)>", bl_poller_count(p->poller));
  return 1;
}

static int new_poller(lua_State *L) {
  int r = bl_lpoller_new(L);
  return r < 0 ? bl_lerror_return(L, r, "Poller") : 1;
}

void bl_lpoller_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"add", poller_add},         {"remove", poller_remove},
      {"wait", poller_wait},       {"close", poller_close},
      {"fileno", poller_fileno},   {"pollfd", poller_pollfd},
      {"events", poller_events},   {"getfd", poller_getfd},
      {"timeout", poller_timeout}, {"dirty", poller_dirty},
      {NULL, NULL}};
  static const luaL_Reg events[] = {{"__tostring", poller_tostring},
                                    {"__gc", poller_gc},
                                    {"__close", poller_gc},
                                    {NULL, NULL}};
  luaL_newmetatable(L, POLLER);
  luaL_setfuncs(L, events, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, new_poller);
  lua_setfield(L, -2, "Poller");
}
