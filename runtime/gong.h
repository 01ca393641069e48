/* SPDX-License-Identifier: MIT */
/* Wakes all who wait for news in shared memory: a word there, and a bell
 * (bell.h) that they poll.
 *
 *   who waits, under the mutex of who makes the news:
 *     1. look once more; there is still none:  2. bl_gong_await()
 *     3. give the mutex, poll the bell, begin again
 *   who makes news, under that mutex:
 *     1. bl_gong_ring(), before  2. making it known
 *
 * The bell is rung before the news is there, by somebody who keeps the mutex
 * until it is; it falls silent only while somebody who holds the mutex sees
 * that there is none. So nobody who was woken can find nothing, go to sleep
 * and stay there, at whatever instruction anybody dies: there are no tokens
 * to be lost and no count of sleepers to be wrong. Nobody need tell that he
 * waits no longer: that costs one ring. All are woken, as one that is chosen
 * may die with the news. */
#ifndef BILLIARD_GONG_H
#define BILLIARD_GONG_H

#include <stdatomic.h>

#include "runtime/base.h"

struct bl_gong {
  _Atomic uint32_t awaited;
};

/* Silences the bell, and has the next news ring it. */
void bl_gong_await(struct bl_gong *g, int bell);

/* The other way out: there is news already, the bell is to say so. */
void bl_gong_sound(struct bl_gong *g, int bell);

/* Rings if somebody waits. */
static inline void bl_gong_ring(struct bl_gong *g, int bell) {
  if (atomic_load_explicit(&g->awaited, memory_order_relaxed))
    bl_gong_sound(g, bell);
}

#endif
