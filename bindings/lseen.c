/* SPDX-License-Identifier: MIT */
#include "bindings/lseen.h"

#include <string.h>

void bl_lseen_init(struct bl_lseen *s, int slot) {
  s->entries = s->few;
  s->size = BL_LSEEN_FEW;
  s->used = 0;
  s->slot = slot;
  memset(s->few, 0, sizeof s->few);
}

/* Where key is, or the free entry where it belongs. Fibonacci hashing: the
 * product's high half depends on all bits of an address. */
static struct bl_lseen_entry *place(const struct bl_lseen *s,
                                    const void *key) {
  uint64_t hash = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u;
  size_t i = (size_t)(hash >> 32) & (s->size - 1);
  while (s->entries[i].key && s->entries[i].key != key)
    i = (i + 1) & (s->size - 1);
  return &s->entries[i];
}

static void grow(lua_State *L, struct bl_lseen *s) {
  struct bl_lseen_entry *from = s->entries;
  size_t before = s->size, bytes = before * 4 * sizeof *from;
  struct bl_lseen_entry *to = bl_compat_newuserdata(L, bytes, 0);
  memset(to, 0, bytes);
  s->entries = to;
  s->size = before * 4;
  for (size_t i = 0; i < before; i++)
    if (from[i].key) *place(s, from[i].key) = from[i];
  lua_replace(L, s->slot); /* the old ones may go */
}

struct bl_lseen_entry *bl_lseen_find(struct bl_lseen *s, const void *key) {
  struct bl_lseen_entry *e = place(s, key);
  return e->key ? e : NULL;
}

struct bl_lseen_entry *bl_lseen_add(lua_State *L, struct bl_lseen *s,
                                    const void *key) {
  if (s->used >= s->size / 2) grow(L, s);
  struct bl_lseen_entry *e = place(s, key);
  *e = (struct bl_lseen_entry){.key = key};
  s->used++;
  return e;
}
