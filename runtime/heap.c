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

/* 1 when it came from before `end`, out of a hole. */
static int take(size_t size, uintptr_t end) {
  struct hole *h = malloc(size);
  if (!h) return 0;
  h->next = holes;
  holes = h;
  return (uintptr_t)h < end;
}

void bl_heap_fill(void) {
  void *last = malloc(END);
  uintptr_t end = (uintptr_t)last;
  size_t taken = 0;
  free(last);
  /* the one of each size that comes from behind them is kept too: given back,
     it would be a hole itself */
  for (size_t size = WIDEST; size >= STEP; size -= STEP)
    while (take(size, end) && taken < MOST) taken += size;
}
