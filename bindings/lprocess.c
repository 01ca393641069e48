/* SPDX-License-Identifier: MIT */
#include "bindings/lprocess.h"

#include "bindings/lerror.h"
#include "bindings/lopt.h"
#include "bindings/lstate.h"
#include "bindings/lsystem.h"
#include "bindings/lwaiter.h"
#include "runtime/clock.h"
#include "runtime/self.h"

/* ---- which Process, and may it be used ---- */

struct bl_lprocess *bl_lprocess_test(lua_State *L, int index) {
  return luaL_testudata(L, index, BL_LPROCESS);
}

int bl_lprocess_mine(lua_State *L, const struct bl_lprocess *p) {
  return p->owner == bl_self_pid() || p == bl_lstate(L)->current;
}

struct bl_lprocess *bl_lprocess_check(lua_State *L, int index,
                                      const char *what) {
  struct bl_lprocess *p = luaL_checkudata(L, index, BL_LPROCESS);
  if (!bl_lprocess_mine(L, p))
    luaL_error(L, "%s: Process belongs to process %d", what, (int)p->owner);
  if (p->stage == BL_LSTAGE_CLOSED)
    luaL_error(L, "%s: Process is closed", what);
  return p;
}

struct bl_lprocess *bl_lprocess_child(lua_State *L, int index,
                                      const char *what) {
  struct bl_lprocess *p = bl_lprocess_check(L, index, what);
  if (p->stage == BL_LSTAGE_INITIAL)
    luaL_error(L, "%s: Process is not started: call start() first", what);
  if (p->stage == BL_LSTAGE_SELF)
    luaL_error(L, "%s: Process is the one that runs this, not a child", what);
  return p;
}

int bl_lprocess_spec(lua_State *L, int index, const char *key) {
  bl_compat_getvalue(L, index, BL_LUV_SPEC);
  int type = lua_getfield(L, -1, key);
  lua_remove(L, -2);
  return type;
}

void bl_lprocess_set_spec(lua_State *L, int index, const char *key) {
  index = lua_absindex(L, index);
  bl_compat_getvalue(L, index, BL_LUV_SPEC); /* value spec */
  lua_insert(L, -2);
  lua_setfield(L, -2, key);
  lua_pop(L, 1);
}

/* ---- started and not reaped ---- */

void bl_lprocess_unanchor(lua_State *L, struct bl_lprocess *p) {
  bl_lstate_table(L, BL_LCHILDREN);
  lua_pushnil(L);
  lua_rawsetp(L, -2, p);
  lua_pop(L, 1);
}

static void delist(struct bl_lprocess **ring, struct bl_lprocess *p) {
  if (!p->next) return;
  if (*ring == p) *ring = p->next == p ? NULL : p->next;
  p->next->previous = p->previous;
  p->previous->next = p->next;
  p->next = p->previous = NULL;
}

static size_t texts_of(struct bl_lprocess *p) {
  const char *text;
  size_t size, sum = 0;
  for (int kind = 0; kind < BL_TEXTS; kind++)
    if (bl_process_text(p->process, (enum bl_text)kind, &text, &size) > 0)
      sum += size;
  return sum;
}

int bl_lprocess_poll(lua_State *L, struct bl_lprocess *p) {
  int r = bl_process_poll(p->process);
  if (r > 0 && p->next) {
    struct bl_lstate *s = bl_lstate(L);
    delist(&s->children, p);
    bl_lprocess_unanchor(L, p);
    s->texts += texts_of(p);
  }
  return r;
}

void bl_lprocess_relieve(lua_State *L) {
  enum { LITTLE = 1 << 16, MUCH = 1 << 30 };
  struct bl_lstate *s = bl_lstate(L);
  if (s->texts < LITTLE || !lua_gc(L, LUA_GCISRUNNING)) return;
  size_t step = s->texts < MUCH ? s->texts : MUCH;
  s->texts = 0; /* a finalizer may come back here */
  lua_gc(L, LUA_GCSTEP, (int)(step >> 10));
}

/* ---- kills to come ---- */

void bl_lprocess_expect_due(lua_State *L, struct bl_lprocess *p) {
  struct bl_lstate *s = bl_lstate(L);
  if (p->has_due) return;
  p->has_due = 1;
  p->next_due = s->due;
  s->due = p;
}

static void forget_due(lua_State *L, struct bl_lprocess *p) {
  if (!p->has_due) return;
  struct bl_lprocess **at = &bl_lstate(L)->due;
  while (*at && *at != p) at = &(*at)->next_due;
  if (*at) *at = p->next_due;
  p->has_due = 0;
}

int64_t bl_lprocess_settle_due(lua_State *L) {
  int64_t first = BL_FOREVER;
  struct bl_lprocess *next, *p = bl_lstate(L)->due;
  for (; p; p = next) {
    next = p->next_due;
    if (bl_process_due(p->process) <= bl_now_ns()) bl_lprocess_poll(L, p);
    int64_t due = bl_process_due(p->process);
    if (due == BL_FOREVER) forget_due(L, p);
    if (due < first) first = due;
  }
  return first;
}

/* ---- the end ---- */

enum { LOOK_AGAIN_MS = 20 }; /* for a status that a fork server owes */

static int push_exit(lua_State *L, const struct bl_exit *e) {
  static const char *const words[] = {[BL_HOW_EXITED] = "exit",
                                      [BL_HOW_SIGNALED] = "signal",
                                      [BL_HOW_UNKNOWN] = "unknown"};
  lua_pushboolean(L, 1);
  lua_pushstring(L, words[e->how]);
  if (e->how == BL_HOW_UNKNOWN) return 2;
  lua_pushinteger(L, e->code);
  return 3;
}

int bl_lprocess_object(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_test(L, 1);
  if (!bl_process_owed(p->process)) return bl_lwaiter_self(L);
  bl_lsystem_timer(L, bl_deadline_ns(LOOK_AGAIN_MS * BL_MILLISECOND_NS));
  return 0;
}

static int join_look(lua_State *L, int64_t until_ns) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "join");
  int r = bl_process_join(p->process, until_ns);
  return r == 0 ? BL_ETIMEOUT : r;
}

static int join_done(lua_State *L, int r) {
  if (r < 0) return bl_lerror_return(L, r, "join");
  struct bl_lprocess *p = bl_lprocess_test(L, 1);
  bl_lprocess_poll(L, p);
  return push_exit(L, bl_process_exit(p->process));
}

static int process_join(lua_State *L) {
  static const struct bl_lcall join = {join_look, bl_lprocess_object,
                                       join_done};
  bl_lprocess_child(L, 1, "join");
  return bl_lwaiter_call(L, &join, bl_lopt_deadline(L, 2));
}

static int process_is_alive(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_check(L, 1, "is_alive");
  int r = 1;
  if (p->stage == BL_LSTAGE_STARTED) r = bl_lprocess_poll(L, p);
  if (r < 0) return bl_lerror_return(L, r, "is_alive");
  lua_pushboolean(L, p->stage == BL_LSTAGE_SELF ||
                         (p->stage == BL_LSTAGE_STARTED && r == 0));
  return 1;
}

static int process_detach(lua_State *L) {
  struct bl_lprocess *p = bl_lprocess_child(L, 1, "detach");
  if (p->daemon)
    return luaL_error(L, "detach: a daemonic process ends with its parent; "
                         "start it with daemon = false");
  p->joined_at_exit = 0;
  lua_pushboolean(L, 1);
  return 1;
}

void bl_lprocess_release(lua_State *L, struct bl_lprocess *p) {
  forget_due(L, p);
  if (p->next) delist(&bl_lstate(L)->children, p);
  p->process = bl_process_free(p->process);
  p->stage = BL_LSTAGE_CLOSED;
}

static int process_close(lua_State *L) {
  struct bl_lprocess *p = luaL_checkudata(L, 1, BL_LPROCESS);
  if (p->stage == BL_LSTAGE_CLOSED && bl_lprocess_mine(L, p)) return 0;
  p = bl_lprocess_check(L, 1, "close");
  if (p->stage == BL_LSTAGE_SELF)
    return luaL_error(L, "close: Process is the one that runs this");
  if (p->holder)
    return luaL_error(L, "close: Process is a worker of a pool, which closes "
                         "it");
  int r = p->stage == BL_LSTAGE_STARTED ? bl_lprocess_poll(L, p) : 1;
  if (r < 0) return bl_lerror_return(L, r, "close");
  if (r == 0)
    return luaL_error(L, "close: Process still runs: join() or stop() it "
                         "first");
  bl_lprocess_release(L, p);
  lua_pushnil(L);
  bl_compat_setvalue(L, 1, BL_LUV_FIELDS);
  return 0;
}

/* For the Lua half: "initial", "started", "self", "closed" or "foreign". */
static int process_stage(lua_State *L) {
  static const char *const names[] = {[BL_LSTAGE_INITIAL] = "initial",
                                      [BL_LSTAGE_STARTED] = "started",
                                      [BL_LSTAGE_SELF] = "self",
                                      [BL_LSTAGE_CLOSED] = "closed"};
  struct bl_lprocess *p = luaL_checkudata(L, 1, BL_LPROCESS);
  lua_pushstring(L, bl_lprocess_mine(L, p) ? names[p->stage] : "foreign");
  return 1;
}

/* For the Lua half: raises unless it is a started child of this process. */
static int check_child(lua_State *L) {
  bl_lprocess_child(L, 1, luaL_checkstring(L, 2));
  return 0;
}

/* ---- functions about processes ---- */

static int current_process(lua_State *L) {
  bl_lstate_get(L, BL_LCURRENT);
  return 1;
}

static int active_children(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  lua_Integer live = 0, n = 0;
  lua_newtable(L);
  bl_lstate_table(L, BL_LCHILDREN); /* list children */
  struct bl_lprocess *p = s->children;
  if (p) do n++; while ((p = p->next) != s->children);
  for (p = s->children; n > 0; n--) {
    struct bl_lprocess *next = p->next;
    lua_rawgetp(L, 2, p);
    if (bl_lprocess_poll(L, p) > 0) lua_pop(L, 1);
    else lua_rawseti(L, 1, ++live);
    p = next;
  }
  lua_settop(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {
    {"join", process_join},
    {"is_alive", process_is_alive},
    {"detach", process_detach},
    {"close", process_close},
    {NULL, NULL}};

void bl_lprocess_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"current_process", current_process},
                                       {"active_children", active_children},
                                       {"process_stage", process_stage},
                                       {"check_child", check_child},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0); /* core */
  luaL_newmetatable(L, BL_LPROCESS); /* core mt */
  luaL_newlib(L, methods);           /* core mt class */
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "Process");
  lua_setfield(L, -2, "class");
  lua_setfield(L, -2, "process_metatable");
}
