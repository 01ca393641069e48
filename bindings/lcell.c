/* SPDX-License-Identifier: MIT */
#include "bindings/lcell.h"

#include <string.h>

#include "bindings/llock.h"
#include "bindings/lopt.h"
#include "runtime/base.h"
#include "runtime/latch.h"

enum { LOCK = 1 }; /* user value: the Lock, once somebody has asked for it */

/* What stands before the cells. */
struct head {
  struct bl_latch latch;
  uint32_t kind; /* which of bl_kinds */
  _Alignas(64) char cells[];
};

const struct bl_kind *bl_lcell_kind(lua_State *L, int arg,
                                    const char *owner) {
  if (!lua_isstring(L, arg)) bl_lopt_wrong(L, arg, owner, "its type", "a name");
  const char *name = lua_tostring(L, arg);
  const struct bl_kind *kind = bl_kind_find(name);
  if (kind) return kind;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const struct bl_kind *k = bl_kinds; k->name; k++) {
    if (k != bl_kinds) luaL_addchar(&b, ' ');
    luaL_addstring(&b, k->name);
  }
  luaL_pushresult(&b);
  luaL_error(L, "%s: no type '%s' (known: %s)", owner, name,
             lua_tostring(L, -1));
  return NULL;
}

static struct bl_lcells *new_closed(lua_State *L,
                                    const struct bl_lclass *class) {
  struct bl_lcells *c = bl_lclass_new(L, class, 1);
  c->memory.fd = BL_FD_NONE;
  return c;
}

int bl_lcells_new(lua_State *L, const struct bl_lclass *class,
                  const struct bl_kind *kind, size_t n) {
  struct bl_lcells *c = new_closed(L, class);
  c->kind = kind;
  c->n = n;
  size_t size = sizeof(struct head) + n * kind->size;
  int r = bl_shm_new(&c->memory, "billiard-cells", size, size);
  if (r < 0) return r;
  struct head *head = c->memory.at;
  head->kind = (uint32_t)(kind - bl_kinds);
  r = bl_latch_init(&head->latch, BL_LATCH_PLAIN);
  if (r < 0) bl_shm_drop(&c->memory);
  return r;
}

int bl_lcells_give(struct bl_lwriter *w, int *fds) {
  struct bl_lcells *c = lua_touserdata(w->L, -1);
  return bl_lshared_give(w, c->class, c->memory.fd, fds);
}

void bl_lcells_take(struct bl_lreader *r, int *fds,
                    const struct bl_lclass *class, size_t least) {
  bl_lshared_nothing(r);
  struct bl_lcells *c = new_closed(r->L, class);
  bl_lshared_take(r, class, fds, &c->memory, sizeof(struct head));
  uint32_t kind = ((struct head *)c->memory.at)->kind;
  if (kind >= BL_KINDS) bl_lshared_bad(r, class);
  c->kind = &bl_kinds[kind];
  c->n = (c->memory.size - sizeof(struct head)) / c->kind->size;
  if (c->n < least) bl_lshared_bad(r, class);
}

void *bl_lcell_at(const struct bl_lcells *c, size_t i) {
  struct head *head = c->memory.at;
  return head->cells + i * c->kind->size;
}

struct bl_lcells *bl_lcells_check(lua_State *L, const struct bl_lclass *class,
                                  const char *what) {
  struct bl_lcells *c = bl_lclass_check(L, 1, class);
  if (!c->memory.at) luaL_error(L, "%s: %s is closed", what, class->name);
  return c;
}

/* ---- values ---- */

static const char *const wanted[] = {[BL_KIND_INTEGER] = "an integer",
                                     [BL_KIND_FLOAT] = "a number",
                                     [BL_KIND_BOOLEAN] = "a boolean"};

/* Takes the value if it is of the right type. */
static int convert(lua_State *L, int index, const struct bl_kind *kind,
                   union bl_scalar *value) {
  int type = lua_type(L, index), exact = type == LUA_TNUMBER;
  switch (kind->what) {
    case BL_KIND_BOOLEAN:
      value->i = lua_toboolean(L, index);
      return type == LUA_TBOOLEAN;
    case BL_KIND_FLOAT:
      value->f = exact ? (double)lua_tonumber(L, index) : 0;
      return exact;
    default:
      value->i = exact ? lua_tointegerx(L, index, &exact) : 0;
      return exact;
  }
}

union bl_scalar bl_lcell_check(lua_State *L, int index,
                               const struct bl_kind *kind, const char *what) {
  union bl_scalar value;
  if (!convert(L, index, kind, &value)) {
    int number = lua_type(L, index) == LUA_TNUMBER;
    luaL_error(L, "%s: %s needs %s, got %s", what, kind->name,
               wanted[kind->what],
               number ? lua_tostring(L, index) : luaL_typename(L, index));
  }
  if (!bl_kind_fits(kind, value))
    luaL_error(L, "%s: %s does not fit %s", what,
               luaL_tolstring(L, index, NULL), kind->name);
  return value;
}

union bl_scalar bl_lcell_summand(lua_State *L, int index,
                                 const struct bl_kind *kind,
                                 const char *what) {
  union bl_scalar n;
  if (!convert(L, index, kind, &n)) bl_lcell_check(L, index, kind, what);
  return n;
}

void bl_lcell_push(lua_State *L, const struct bl_kind *kind,
                   union bl_scalar value) {
  switch (kind->what) {
    case BL_KIND_BOOLEAN: lua_pushboolean(L, value.i != 0); break;
    case BL_KIND_FLOAT: lua_pushnumber(L, value.f); break;
    default: lua_pushinteger(L, value.i);
  }
}

/* ---- the object ---- */

/* A new handle once somebody has closed the one before. */
static int push_lock(lua_State *L, struct bl_lcells *c) {
  bl_lcells_check(L, c->class, "lock");
  bl_compat_getvalue(L, 1, LOCK);
  if (bl_llock_is_open(L, lua_gettop(L))) return 1;
  struct head *head = c->memory.at;
  bl_llock_lend(L, 1, &c->memory, &head->latch);
  lua_pushvalue(L, -1);
  bl_compat_setvalue(L, 1, LOCK);
  return 1;
}

int bl_lcells_index(lua_State *L, struct bl_lcells *c) {
  if (lua_type(L, 2) == LUA_TSTRING && !strcmp(lua_tostring(L, 2), "lock"))
    return push_lock(L, c);
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

int bl_lcells_gc(lua_State *L, const struct bl_lclass *class) {
  struct bl_lcells *c = bl_lclass_check(L, 1, class);
  bl_compat_getvalue(L, 1, LOCK);
  bl_llock_close(L, lua_gettop(L)); /* its memory goes */
  bl_shm_drop(&c->memory);
  return 0;
}

int bl_lcells_close(lua_State *L, const struct bl_lclass *class) {
  struct bl_lcells *c = bl_lclass_check(L, 1, class);
  struct head *head = c->memory.at;
  if (head) bl_llock_check_close(L, &head->latch, "lock");
  return bl_lcells_gc(L, class);
}

int bl_lcells_describe(lua_State *L, const struct bl_lcells *c) {
  const char *name = c->class->name;
  if (c->memory.at) lua_pushfstring(L, "<%s(%s, ", name, c->kind->name);
  else lua_pushfstring(L, "<%s(closed)>", name);
  return c->memory.at != NULL;
}
