/* SPDX-License-Identifier: MIT */
#include "runtime/interrupt.h"

#include <stdatomic.h>

enum { SOFT = 1, TERMINATE = 2 };

static atomic_int pending;

static int bit_of(enum bl_interrupt what) {
  if (what == BL_INTERRUPT_NONE) return 0;
  return what == BL_INTERRUPT_SOFT ? SOFT : TERMINATE;
}

void bl_interrupt_set(enum bl_interrupt what) {
  atomic_fetch_or(&pending, bit_of(what));
}

enum bl_interrupt bl_interrupt_peek(void) {
  int bits = atomic_load(&pending);
  if (bits & TERMINATE) return BL_INTERRUPT_TERMINATE;
  return bits & SOFT ? BL_INTERRUPT_SOFT : BL_INTERRUPT_NONE;
}

enum bl_interrupt bl_interrupt_take(void) {
  enum bl_interrupt what = bl_interrupt_peek();
  bl_interrupt_drop(what); /* a handler that ran in between has only added */
  return what;
}

void bl_interrupt_drop(enum bl_interrupt what) {
  atomic_fetch_and(&pending, ~bit_of(what));
}
