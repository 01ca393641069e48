/* SPDX-License-Identifier: MIT */
#include "runtime/wake.h"

void bl_wake_renew(struct bl_wake *w) {
  atomic_fetch_add(&w->want, 1);
  atomic_thread_fence(memory_order_seq_cst);
}

void bl_wake_enter(struct bl_wake *w) {
  atomic_fetch_add(&w->sleepers, 1);
  bl_wake_renew(w);
}

void bl_wake_leave(struct bl_wake *w) { atomic_fetch_sub(&w->sleepers, 1); }

void bl_wake_watch(struct bl_wake *w) {
  atomic_store(&w->watched, 1);
  bl_wake_renew(w);
}

static uint32_t load(const _Atomic uint32_t *from) {
  return atomic_load_explicit(from, memory_order_relaxed);
}

void bl_wake_once(struct bl_wake *w) { atomic_store(&w->once, 1); }

int bl_wake_due(struct bl_wake *w, uint32_t *want) {
  *want = load(&w->want);
  if (load(&w->once) && atomic_exchange(&w->once, 0)) return 1;
  if (load(&w->sleepers) == 0 && load(&w->watched) == 0) return 0;
  return *want != load(&w->rung);
}

void bl_wake_rang(struct bl_wake *w, uint32_t want) {
  atomic_store_explicit(&w->rung, want, memory_order_relaxed);
}

void bl_wake_again(struct bl_wake *w) { bl_wake_rang(w, load(&w->want) - 1); }
