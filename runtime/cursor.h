/* SPDX-License-Identifier: MIT */
/* How far something has come, in shared memory: kept twice, with a word that
 * says which copy counts. So a move is one store: a process that dies at any
 * instruction has made it or has not, and nobody need mend anything.
 *
 *   mover, alone (under a mutex):  1. bl_cursor_prepare()
 *                                  2. bl_cursor_commit()
 *   anybody, at any time:          bl_cursor_look()
 *
 * Zeroed memory is a cursor at the beginning. */
#ifndef BILLIARD_CURSOR_H
#define BILLIARD_CURSOR_H

#include <stdatomic.h>

#include "runtime/base.h"

struct bl_mark {
  uint64_t bytes;
  uint64_t items;
};

struct bl_cursor {
  _Atomic uint64_t bytes[2];
  _Atomic uint64_t items[2];
  _Atomic uint64_t moves; /* its lowest bit says which copy counts */
};

/* Where it stands. For who does not hold the mutex: where it stood a moment
 * ago, with everything that was written before it was moved there. */
static inline struct bl_mark bl_cursor_look(const struct bl_cursor *c) {
  uint64_t moves = atomic_load_explicit(&c->moves, memory_order_acquire);
  for (;;) {
    unsigned copy = moves & 1;
    struct bl_mark m = {
        atomic_load_explicit(&c->bytes[copy], memory_order_relaxed),
        atomic_load_explicit(&c->items[copy], memory_order_relaxed)};
    atomic_thread_fence(memory_order_acquire);
    uint64_t now = atomic_load_explicit(&c->moves, memory_order_relaxed);
    if (now == moves) return m;
    moves = atomic_load_explicit(&c->moves, memory_order_acquire);
  }
}

static inline void bl_cursor_prepare(struct bl_cursor *c, struct bl_mark to) {
  unsigned idle =
      ~atomic_load_explicit(&c->moves, memory_order_relaxed) & 1;
  /* not before the copy became the idle one: who reads it must find out */
  atomic_thread_fence(memory_order_release);
  atomic_store_explicit(&c->bytes[idle], to.bytes, memory_order_relaxed);
  atomic_store_explicit(&c->items[idle], to.items, memory_order_relaxed);
}

static inline void bl_cursor_commit(struct bl_cursor *c) {
  uint64_t moves = atomic_load_explicit(&c->moves, memory_order_relaxed);
  atomic_store_explicit(&c->moves, moves + 1, memory_order_release);
}

#endif
