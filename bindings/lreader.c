/* SPDX-License-Identifier: MIT */
#include "bindings/lreader.h"

void bl_lreader_next(struct bl_lreader *r, struct bl_unpack_item *item) {
  if (bl_unpack_next(&r->in, item) < 0)
    luaL_error(r->L, "the message changed while it was read");
}

size_t bl_lreader_number(struct bl_lreader *r) { return ++r->ordinals; }

void bl_lreader_keep(struct bl_lreader *r, size_t ordinal) {
  if (!r->refs) return;
  lua_pushvalue(r->L, -1);
  lua_rawseti(r->L, r->refs, (lua_Integer)ordinal);
}

void bl_lreader_reference(struct bl_lreader *r, uint64_t ordinal) {
  if (lua_rawgeti(r->L, r->refs, (lua_Integer)ordinal) == LUA_TNIL)
    luaL_error(r->L, "a reference to an object that is not yet made");
}
