/* SPDX-License-Identifier: MIT */
/* A handler may do little more than lua_sethook(), and a hook acts on one
 * coroutine only: so we must know which one runs. `running` is set by our
 * resume, wrap and close around the time another coroutine has the processor.
 *
 * Our hook stands on the running coroutine only: who is left has its own back,
 * and who goes on is hooked where something is pending. So the one hook of the
 * user's that ours stands in for is all there is to remember. While `running`
 * is null the handler hooks nothing; the signal comes again (limit.c). */
#include "bindings/linterrupt.h"

#include "bindings/lerror.h"
#include "bindings/lstate.h"
#include "runtime/base.h"
#include "runtime/interrupt.h"
#include "runtime/limit.h"

static lua_State *volatile running;

/* The user's own hook on the coroutine that ours stands on: null for none. */
static volatile struct {
  lua_State *L;
  lua_Hook hook;
  int mask, count;
} saved;

static void on_hook(lua_State *L, lua_Debug *ar);

/* Takes our hook away. A coroutine that was made under it has inherited it,
 * and gets nothing back. */
static void unhook(lua_State *L) {
  lua_State *was = running;
  running = NULL;
  if (lua_gethook(L) != on_hook) { /* nothing of ours */
  } else if (saved.L == L) {
    lua_sethook(L, saved.hook, saved.mask, saved.count);
    saved.L = NULL;
  } else {
    lua_sethook(L, NULL, 0, 0);
  }
  running = was;
}

static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  unhook(L);
  enum bl_interrupt what = bl_interrupt_take();
  if (what != BL_INTERRUPT_NONE) bl_lerror_raise(L, (int)what);
}

/* Runs in the signal handler. */
static void poke(void) {
  lua_State *L = running;
  if (!L || lua_gethook(L) == on_hook) return;
  saved.hook = lua_gethook(L);
  saved.mask = lua_gethookmask(L);
  saved.count = lua_gethookcount(L);
  saved.L = L;
  lua_sethook(L, on_hook,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* From here on co has the processor. */
static void go_on_in(lua_State *co, lua_State *left) {
  if (!running) return;
  running = NULL;
  unhook(left);
  running = co;
  if (bl_interrupt_peek() != BL_INTERRUPT_NONE) poke();
}

/* ---- which coroutine runs ---- */

static lua_CFunction plain_resume, plain_wrap, plain_close;

/* Calls the library's own function, in our place, while co runs. */
static int during(lua_State *L, lua_State *co, lua_CFunction f) {
  go_on_in(co, L);
  int n = f(L);
  go_on_in(L, co);
  return n;
}

static int tracked_resume(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  return co ? during(L, co, plain_resume) : plain_resume(L);
}

/* Only a suspended coroutine has something to run when it is closed; one that
 * may not be closed makes the plain function raise. */
static int tracked_close(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  if (co && co != L && lua_status(co) != LUA_OK)
    return during(L, co, plain_close);
  return plain_close(L);
}

/* co raised, the error is on top of L: ends co, and raises in L. */
static int pass_error_on(lua_State *L, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    go_on_in(co, L); /* its <close> variables run there */
    bl_compat_closethread(L, co);
    go_on_in(L, co);
    lua_pop(L, 1);
    lua_xmove(co, L, 1);
  }
  if (lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int call_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1); /* co args */
  int n = during(L, co, plain_resume);
  if (!lua_toboolean(L, -n)) return pass_error_on(L, co);
  return n - 1;
}

static int tracked_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L); /* f ... co */
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

static lua_CFunction field(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  lua_CFunction f = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return f;
}

/* The plain function is replaced, not what the user may have put there. */
static int push_pair(lua_State *L, const char *name, lua_CFunction plain,
                     lua_CFunction tracked) {
  if (!plain || field(L, name) != plain) return 0;
  lua_pushstring(L, name);
  lua_pushcfunction(L, tracked);
  lua_rotate(L, -3, 2); /* name tracked coroutine */
  return 1;
}

int bl_linterrupt_prepare(lua_State *L) {
  int n = 0;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "coroutine");
  lua_remove(L, -2); /* coroutine */
  if (lua_istable(L, -1)) {
    n += push_pair(L, "resume", plain_resume, tracked_resume);
    n += push_pair(L, "wrap", plain_wrap, tracked_wrap);
    n += push_pair(L, "close", plain_close, tracked_close);
  }
  return n; /* pairs... coroutine */
}

void bl_linterrupt_track(lua_State *L, int pairs) {
  for (; pairs > 0; pairs--) {
    lua_insert(L, -3); /* coroutine name tracked */
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  saved.L = NULL;
  running = L;
  bl_limit_poke(poke);
}

void bl_linterrupt_enter(lua_State *L) {
  running = L;
  if (bl_interrupt_peek() != BL_INTERRUPT_NONE) poke();
}

void bl_linterrupt_leave(lua_State *L) {
  running = NULL;
  unhook(L);
}

/* ---- blocking calls ---- */

static lua_State *main_of(lua_State *L) { return bl_lstate(L)->L; }

struct bl_lblock bl_lblock_begin(lua_State *L) {
  return (struct bl_lblock){lua_gethook(main_of(L))};
}

int bl_lblock_again(lua_State *L, const struct bl_lblock *b, int r) {
  if (r != BL_EINTR && !bl_interrupt_is(r)) return 0;
  enum bl_interrupt what = bl_interrupt_take();
  if (what != BL_INTERRUPT_NONE) {
    unhook(L);
    return bl_lerror_raise(L, (int)what);
  }
  if (r != BL_EINTR) return 1; /* a hook took it */
  lua_Hook now = lua_gethook(main_of(L));
  if (now == b->hook || !now) return 1;
  /* On the main thread the new hook raises as soon as we return; elsewhere
     nobody would, before the coroutine is left. */
  return L == main_of(L) ? 0 : luaL_error(L, "interrupted!");
}

void bl_linterrupt_open(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "coroutine"); /* loaded coroutine */
  if (lua_istable(L, -1) && field(L, "resume") != tracked_resume) {
    plain_resume = field(L, "resume");
    plain_wrap = field(L, "wrap");
    plain_close = field(L, "close");
  }
  lua_pop(L, 2);
}
