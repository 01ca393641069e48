/* SPDX-License-Identifier: MIT */
#include "runtime/heap.h"

#include <stdint.h>
#include <stdlib.h>

#include "spec/native/check.h"

enum { N = 2000, SIZES = 5 };

static const size_t sizes[SIZES] = {24, 40, 100, 320, 500};
static void *blocks[SIZES][N];

static int by_address(const void *a, const void *b) {
  uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
  return x < y ? -1 : x > y;
}

/* Frees every other block of each size; the addresses of the holes. */
static size_t make_holes(uintptr_t *holes) {
  size_t n = 0;
  for (int s = 0; s < SIZES; s++)
    for (int i = 0; i < N; i++) blocks[s][i] = malloc(sizes[s]);
  for (int s = 0; s < SIZES; s++)
    for (int i = 0; i < N; i += 2) {
      holes[n++] = (uintptr_t)blocks[s][i];
      free(blocks[s][i]);
      blocks[s][i] = NULL;
    }
  qsort(holes, n, sizeof *holes, by_address);
  return n;
}

static void what_comes_next(void) {
  static uintptr_t holes[SIZES * N];
  size_t n = make_holes(holes);
  int found = 0;
  bl_heap_fill();
  for (int s = 0; s < SIZES; s++)
    for (int i = 0; i < N; i += 2) {
      uintptr_t at = (uintptr_t)(blocks[s][i] = malloc(sizes[s]));
      found += bsearch(&at, holes, n, sizeof at, by_address) != NULL;
    }
  CHECK_INT(found, 0);
  for (int s = 0; s < SIZES; s++)
    for (int i = 0; i < N; i++) free(blocks[s][i]);
}

CHECK_MAIN({"what comes next goes into none of the holes", what_comes_next})
