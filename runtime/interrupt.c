/* SPDX-License-Identifier: MIT */
#include "runtime/interrupt.h"

#include <stdatomic.h>

static atomic_int pending;

void bl_interrupt_set(enum bl_interrupt what) {
  atomic_store(&pending, (int)what);
}

enum bl_interrupt bl_interrupt_peek(void) {
  return (enum bl_interrupt)atomic_load(&pending);
}

enum bl_interrupt bl_interrupt_take(void) {
  return (enum bl_interrupt)atomic_exchange(&pending, BL_INTERRUPT_NONE);
}
