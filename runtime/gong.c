/* SPDX-License-Identifier: MIT */
#include "runtime/gong.h"

#include "runtime/bell.h"
#include "runtime/point.h"

void bl_gong_await(struct bl_gong *g, int bell) {
  atomic_store(&g->awaited, 1);
  BL_POINT(await_noted);
  bl_bell_clear(bell);
  BL_POINT(await_silent);
}

void bl_gong_sound(struct bl_gong *g, int bell) {
  bl_bell_ring(bell);
  BL_POINT(sound_rung);
  atomic_store(&g->awaited, 0);
  BL_POINT(sound_noted);
}
