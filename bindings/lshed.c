/* SPDX-License-Identifier: MIT */
#include "bindings/lshed.h"

#include "bindings/lstate.h"

void bl_lshed_add(lua_State *L, struct bl_lshed *s) {
  struct bl_lshed **first = &bl_lstate(L)->sheds;
  s->next = *first;
  s->at = first;
  if (s->next) s->next->at = &s->next;
  *first = s;
}

void bl_lshed_remove(struct bl_lshed *s) {
  if (!s->at) return;
  *s->at = s->next;
  if (s->next) s->next->at = s->at;
  s->at = NULL;
}

void bl_lshed_all(lua_State *L) {
  struct bl_lstate *s = bl_lstate(L);
  while (s->sheds) s->sheds->drop(s->sheds);
}
