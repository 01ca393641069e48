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

static int dump(struct bl_lwriter *w) {
  size_t mark;
  int r = bl_pack_open_binary(w->out, &mark);
  if (r < 0) return r;
  const int strip = 0; /* errors over there have lines too */
  if (lua_dump(w->L, write_dump, w->out, strip) != 0)
    return bl_lwriter_refuse(w, "function that is too large");
  return bl_pack_close(w->out, mark);
}

static int cell(struct bl_lwriter *w, const struct bl_lseen_entry *e) {
  size_t mark;
  int r = bl_lwriter_open(w, BL_PACK_CELL, &mark);
  if (r == 0) r = bl_pack_integer(w->out, e->ordinal);
  if (r == 0) r = bl_pack_integer(w->out, e->upvalue);
  return r < 0 ? r : bl_lwriter_close(w, mark);
}

static void step_upvalue(struct bl_lwriter *w, const char *name) {
  char text[64];
  int n = snprintf(text, sizeof text, "<upvalue %.40s>", name);
  bl_lpath_text(&w->path, text, (size_t)n);
}

/* Writes upvalue i, whose value is on top of its function. */
static int upvalue(struct bl_lwriter *w, uint32_t ordinal, int i,
                   const char *name) {
  const void *id = lua_upvalueid(w->L, -2, i);
  const struct bl_lseen_entry *known = bl_lseen_find(&w->seen, id);
  if (known) return cell(w, known);
  struct bl_lseen_entry *e = bl_lseen_add(w->L, &w->seen, id);
  e->ordinal = ordinal;
  e->upvalue = (uint16_t)i;
  if (strcmp(name, "_ENV") == 0) return bl_lwriter_name(w, "_G", NULL);
  int r = w->value(w);
  if (r == BL_EUNSENDABLE) step_upvalue(w, name);
  return r;
}

static int upvalues(struct bl_lwriter *w, uint32_t ordinal) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(w->L, -1, i)) != NULL; i++) {
    int r = upvalue(w, ordinal, i, name);
    if (r != 0) return r;
    lua_pop(w->L, 1);
  }
  return 0;
}

static int whole(struct bl_lwriter *w, const void *key) {
  size_t mark;
  int r = bl_lwriter_open(w, BL_PACK_FUNCTION, &mark);
  if (r != 0) return r;
  uint32_t ordinal = bl_lwriter_number(w, key)->ordinal;
  r = dump(w);
  if (r == 0) r = upvalues(w, ordinal);
  return r == 0 ? bl_lwriter_close(w, mark) : r;
}

/* By name: 0, or 1 when it has none. */
static int by_name(struct bl_lwriter *w) {
  lua_State *L = w->L;
  int here = lua_gettop(L);
  int found = bl_lname_find(L, BL_LWRITER_INDEX);
  if (!found) return 1;
  int r = bl_lwriter_name(w, lua_tostring(L, here + 1),
                        found == 2 ? lua_tostring(L, here + 2) : NULL);
  lua_settop(L, here);
  return r;
}

static int refuse(struct bl_lwriter *w, const char *why) {
  w->why = why;
  return bl_lwriter_refuse(w, "function");
}

static int nameless(struct bl_lwriter *w, const void *key) {
  int is_c = lua_iscfunction(w->L, -1);
  if (!is_c && w->profile == BL_PROFILE_DOWN) return whole(w, key);
  /* it was put into its module after we looked? */
  bl_lname_rescan(w->L, BL_LWRITER_INDEX);
  int r = by_name(w);
  if (r <= 0) return r;
  if (is_c) return bl_lwriter_refuse(w, "C function that no loaded module holds");
  return refuse(w, "only data goes up: functions go to processes that this one "
                   "owns, both ways by Pipe{ functions = true }");
}

int bl_lfunction_pack(struct bl_lwriter *w) {
  if (w->profile == BL_PROFILE_PLAIN)
    return refuse(w, "strangers get plain data");
  const void *key = lua_topointer(w->L, -1);
  const struct bl_lseen_entry *e = bl_lseen_find(&w->seen, key);
  if (e) return bl_lwriter_reference(w, e);
  if (!w->fresh && bl_lname_refresh(w->L, BL_LWRITER_INDEX))
    return BL_LWRITER_AGAIN;
  w->fresh = 1;
  int r = by_name(w);
  return r == 1 ? nameless(w, key) : r;
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

static void load(struct bl_lreader *r) {
  struct bl_unpack_item code;
  bl_lreader_next(r, &code);
  struct piece piece = {code.bytes, code.size};
  if (lua_load(r->L, read_dump, &piece, "=function", "b") != LUA_OK)
    lua_error(r->L);
}

/* Where the next upvalue is another function's: joins them, 1. */
static int join(struct bl_lreader *r, int i) {
  struct bl_unpack ahead = r->in;
  struct bl_unpack_item it;
  if (bl_unpack_next(&ahead, &it) < 0 || it.kind != BL_UNPACK_EXTENSION ||
      it.type != BL_PACK_CELL)
    return 0;
  r->in = ahead;
  bl_lreader_next(r, &it);
  bl_lreader_reference(r, (uint64_t)it.integer);
  bl_lreader_next(r, &it);
  int other = (int)it.integer;
  if (!lua_isfunction(r->L, -1) || lua_iscfunction(r->L, -1) ||
      !lua_upvalueid(r->L, -1, other) || !lua_upvalueid(r->L, -2, i))
    luaL_error(r->L, "a function without that upvalue");
  lua_upvaluejoin(r->L, -2, i, -1, other);
  lua_pop(r->L, 1);
  return 1;
}

void bl_lfunction_unpack(struct bl_lreader *r, const char *end) {
  luaL_checkstack(r->L, 8, "message");
  size_t ordinal = bl_lreader_number(r);
  load(r);
  bl_lreader_keep(r, ordinal);
  for (int i = 1; r->in.at < end; i++) {
    if (join(r, i)) continue;
    r->value(r);
    if (!lua_setupvalue(r->L, -2, i))
      luaL_error(r->L, "a function without that upvalue");
  }
}
