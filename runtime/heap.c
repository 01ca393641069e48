/* SPDX-License-Identifier: MIT */
#include "runtime/heap.h"

#include <stdint.h>
#include <stdlib.h>

enum {
  STEP = 16,      /* of malloc's sizes */
  WIDEST = 512,   /* a wider hole is taken in pieces */
  END = 64 << 10, /* finds no room in a hole, mostly */
  MOST = 4 << 20  /* bytes; another malloc may have other ways */
};

/* A list, for tools that look for leaks. */
struct hole {
  struct hole *next;
};

static struct hole *holes;

static struct hole *take(size_t size) {
  struct hole *h = malloc(size);
  if (!h) return NULL;
  h->next = holes;
  return holes = h;
}

void bl_heap_fill(void) {
  void *last = malloc(END);
  uintptr_t end = (uintptr_t)last;
  size_t taken = 0;
  free(last);
  /* the one of each size that comes from behind them is kept too: given back,
     it would be a hole itself */
  for (size_t size = WIDEST; size >= STEP; size -= STEP)
    for (struct hole *h = take(size); h && (uintptr_t)h < end && taken < MOST;
         h = take(size))
      taken += size;
}
