/* SPDX-License-Identifier: MIT */
#include "bindings/lhandle.h"

#include <string.h>

static const char types_key; /* registry: metatable and name -> type */

void bl_lhandle_add(lua_State *L, const struct bl_lhandle_type *type) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key); /* mt types */
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, (void *)(uintptr_t)type);
  lua_rawset(L, -3);
  lua_pushlightuserdata(L, (void *)(uintptr_t)type);
  lua_setfield(L, -2, type->name);
  lua_pop(L, 1);
}

const struct bl_lhandle_type *bl_lhandle_at(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key); /* mt types */
  lua_insert(L, -2);
  lua_rawget(L, -2); /* types type */
  const struct bl_lhandle_type *type = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return type;
}

/* ---- packing ---- */

static int refuse(struct bl_lwriter *w, const struct bl_lhandle_type *type) {
  const char *name = strchr(type->name, '.') + 1;
  const char *article = strchr("AEIOU", *name) ? "an" : "a";
  const char *who = type->starting ? "a starting child"
                                   : "a connection or a starting child";
  return bl_lwriter_refuse(
      w, lua_pushfstring(w->L, "%s %s, which only %s can carry", article, name,
                         who));
}

static int can_carry(const struct bl_lwriter *w,
                     const struct bl_lhandle_type *type) {
  return w->handles && w->profile != BL_PROFILE_PLAIN &&
         (w->handles->starting || !type->starting);
}

int bl_lhandle_pack(struct bl_lwriter *w, const struct bl_lhandle_type *type) {
  struct bl_lhandles *h = w->handles;
  size_t mark;
  if (!can_carry(w, type)) return refuse(w, type);
  if (type->n > BL_PACKET_FDS - h->n)
    return bl_lwriter_refuse(w, "more descriptors than one message takes");
  int first = h->n;
  h->n += type->n; /* before the value, which may hold handles */
  bl_lwriter_number(w, lua_topointer(w->L, -1));
  int r = bl_lwriter_open(w, BL_PACK_HANDLE, &mark);
  if (r == 0) r = bl_pack_string(w->out, type->name, strlen(type->name));
  if (r == 0) r = bl_pack_integer(w->out, first + 1);
  if (r == 0) r = bl_pack_integer(w->out, type->n);
  if (r == 0) r = type->give(w, h->fds + first);
  return r == 0 ? bl_lwriter_close(w, mark) : r;
}

/* ---- unpacking ---- */

/* The type whose name comes next, which a message like this may hold. */
static const struct bl_lhandle_type *find(struct bl_lreader *r) {
  lua_State *L = r->L;
  struct bl_unpack_item it;
  bl_lreader_next(r, &it);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key);
  lua_pushlstring(L, it.bytes, it.size); /* types name */
  lua_pushvalue(L, -1);
  lua_rawget(L, -3); /* types name type */
  const struct bl_lhandle_type *type = lua_touserdata(L, -1);
  if (!type || (type->starting && r->profile != BL_PROFILE_DOWN))
    luaL_error(L, "a handle of type '%s'", lua_tostring(L, -2));
  lua_pop(L, 3);
  return type;
}

static int number(struct bl_lreader *r) {
  struct bl_unpack_item it;
  bl_lreader_next(r, &it);
  return (int)it.integer;
}

void bl_lhandle_unpack(struct bl_lreader *r, const char *end) {
  (void)end;
  size_t ordinal = bl_lreader_number(r);
  const struct bl_lhandle_type *type = find(r);
  int first = number(r), n = number(r);
  if (n != type->n)
    luaL_error(r->L, "a handle with %d descriptors, not %d", n, type->n);
  type->take(r, n > 0 ? r->fds + first - 1 : NULL);
  bl_lreader_keep(r, ordinal);
}

void bl_lhandle_open(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &types_key);
}
