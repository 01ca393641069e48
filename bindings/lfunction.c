/* SPDX-License-Identifier: MIT */
#include "bindings/lfunction.h"

#include <stdio.h>
#include <string.h>

#include "bindings/lname.h"

/* ---- packing ---- */

static int write_dump(lua_State *L, const void *bytes, size_t n, void *out) {
  (void)L;
  return n > 0 && bl_pack_raw(out, bytes, n) < 0;
}

static int dump(struct bl_lpack *p) {
  size_t mark;
  int r = bl_pack_open_binary(p->out, &mark);
  if (r < 0) return r;
  const int strip = 0; /* errors over there have lines too */
  if (lua_dump(p->L, write_dump, p->out, strip) != 0)
    return bl_lpack_refuse(p, "function that is too large");
  return bl_pack_close(p->out, mark);
}

static int cell(struct bl_lpack *p, const struct bl_lseen_entry *e) {
  size_t mark;
  int r = bl_lpack_open(p, BL_PACK_CELL, &mark);
  if (r == 0) r = bl_pack_integer(p->out, e->ordinal);
  if (r == 0) r = bl_pack_integer(p->out, e->upvalue);
  return r < 0 ? r : bl_lpack_close(p, mark);
}

static void step_upvalue(struct bl_lpack *p, const char *name) {
  char text[64];
  int n = snprintf(text, sizeof text, "<upvalue %.40s>", name);
  bl_lpath_text(&p->path, text, (size_t)n);
}

/* Writes upvalue i, whose value is on top of its function. */
static int upvalue(struct bl_lpack *p, uint32_t ordinal, int i,
                   const char *name) {
  const void *id = lua_upvalueid(p->L, -2, i);
  const struct bl_lseen_entry *known = bl_lseen_find(&p->seen, id);
  if (known) return cell(p, known);
  struct bl_lseen_entry *e = bl_lseen_add(p->L, &p->seen, id);
  e->ordinal = ordinal;
  e->upvalue = (uint16_t)i;
  if (strcmp(name, "_ENV") == 0) return bl_lpack_name(p, "_G", NULL);
  int r = bl_lpack_value(p);
  if (r == BL_EUNSENDABLE) step_upvalue(p, name);
  return r;
}

static int upvalues(struct bl_lpack *p, uint32_t ordinal) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(p->L, -1, i)) != NULL; i++) {
    int r = upvalue(p, ordinal, i, name);
    if (r != 0) return r;
    lua_pop(p->L, 1);
  }
  return 0;
}

static int whole(struct bl_lpack *p, const void *key) {
  size_t mark;
  int r = bl_lpack_open(p, BL_PACK_FUNCTION, &mark);
  if (r != 0) return r;
  uint32_t ordinal = bl_lpack_number(p, key)->ordinal;
  r = dump(p);
  if (r == 0) r = upvalues(p, ordinal);
  return r == 0 ? bl_lpack_close(p, mark) : r;
}

/* By name: 0, or 1 when it has none. */
static int by_name(struct bl_lpack *p) {
  lua_State *L = p->L;
  int here = lua_gettop(L);
  int found = bl_lname_find(L, BL_LPACK_INDEX);
  if (!found) return 1;
  int r = bl_lpack_name(p, lua_tostring(L, here + 1),
                        found == 2 ? lua_tostring(L, here + 2) : NULL);
  lua_settop(L, here);
  return r;
}

static int nameless(struct bl_lpack *p, const void *key) {
  int is_c = lua_iscfunction(p->L, -1);
  if (!is_c && p->profile == BL_PROFILE_DOWN) return whole(p, key);
  /* it was put into its module after we looked? */
  bl_lname_rescan(p->L, BL_LPACK_INDEX);
  int r = by_name(p);
  if (r <= 0) return r;
  return bl_lpack_refuse(p, is_c ? "C function that no loaded module holds"
                                 : "function");
}

int bl_lfunction_pack(struct bl_lpack *p) {
  if (p->profile == BL_PROFILE_PLAIN) return bl_lpack_refuse(p, "function");
  const void *key = lua_topointer(p->L, -1);
  const struct bl_lseen_entry *e = bl_lseen_find(&p->seen, key);
  if (e) return bl_lpack_reference(p, e);
  if (!p->fresh && bl_lname_refresh(p->L, BL_LPACK_INDEX))
    return BL_LPACK_AGAIN;
  p->fresh = 1;
  int r = by_name(p);
  return r == 1 ? nameless(p, key) : r;
}

/* ---- unpacking ---- */

struct piece {
  const char *bytes;
  size_t n;
};

static const char *read_dump(lua_State *L, void *from, size_t *n) {
  (void)L;
  struct piece *piece = from;
  *n = piece->n;
  piece->n = 0;
  return piece->bytes;
}

static void load(struct bl_lunpack *u) {
  struct bl_unpack_item code;
  bl_lunpack_next(u, &code);
  struct piece piece = {code.bytes, code.size};
  if (lua_load(u->L, read_dump, &piece, "=function", "b") != LUA_OK)
    lua_error(u->L);
}

/* Where the next upvalue is another function's: joins them, 1. */
static int join(struct bl_lunpack *u, int i) {
  struct bl_unpack ahead = u->in;
  struct bl_unpack_item it;
  if (bl_unpack_next(&ahead, &it) < 0 || it.kind != BL_UNPACK_EXTENSION ||
      it.type != BL_PACK_CELL)
    return 0;
  u->in = ahead;
  bl_lunpack_next(u, &it);
  bl_lunpack_reference(u, (uint64_t)it.integer);
  bl_lunpack_next(u, &it);
  int other = (int)it.integer;
  if (!lua_isfunction(u->L, -1) || lua_iscfunction(u->L, -1) ||
      !lua_upvalueid(u->L, -1, other) || !lua_upvalueid(u->L, -2, i))
    luaL_error(u->L, "a function without that upvalue");
  lua_upvaluejoin(u->L, -2, i, -1, other);
  lua_pop(u->L, 1);
  return 1;
}

void bl_lfunction_unpack(struct bl_lunpack *u, const char *end) {
  luaL_checkstack(u->L, 8, "message");
  size_t ordinal = bl_lunpack_number(u);
  load(u);
  bl_lunpack_keep(u, ordinal);
  for (int i = 1; u->in.at < end; i++) {
    if (join(u, i)) continue;
    bl_lunpack_value(u);
    if (!lua_setupvalue(u->L, -2, i))
      luaL_error(u->L, "a function without that upvalue");
  }
}
