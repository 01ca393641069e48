/* SPDX-License-Identifier: MIT */
#include "runtime/cell.h"

#include <float.h>
#include <math.h>
#include <stdalign.h>

#include "spec/native/check.h"

/* A cell between two that must stay as they are. */
struct between {
  alignas(8) unsigned char before[8], at[8], after[8];
};

static void surround(struct between *b) { memset(b, 0x5a, sizeof *b); }

static int is_intact(const struct between *b, size_t size) {
  for (size_t i = 0; i < 8; i++)
    if (b->before[i] != 0x5a || b->after[i] != 0x5a ||
        (i >= size && b->at[i] != 0x5a))
      return 0;
  return 1;
}

static union bl_scalar of(const struct bl_kind *k, int64_t n) {
  union bl_scalar v;
  if (k->what == BL_KIND_FLOAT) v.f = (double)n;
  else v.i = n;
  return v;
}

static int64_t number(const struct bl_kind *k, union bl_scalar v) {
  return k->what == BL_KIND_FLOAT ? (int64_t)v.f : v.i;
}

static void touches_nothing_else(void) {
  for (const struct bl_kind *k = bl_kinds; k->name; k++) {
    struct between b;
    surround(&b);
    bl_cell_store(k, b.at, of(k, 1));
    CHECK_INT(number(k, bl_cell_load(k, b.at)), 1);
    union bl_scalar old = of(k, 1), sum;
    CHECK_INT(bl_cell_cas(k, b.at, &old, of(k, 0)), 1);
    CHECK_INT(bl_cell_add(k, b.at, of(k, 1), &sum), 0);
    CHECK_INT(number(k, sum), 1);
    CHECK(is_intact(&b, k->size));
    CHECK(bl_kind_find(k->name) == k);
  }
  CHECK(bl_kind_find("i128") == NULL);
}

static void keeps_the_range(void) {
  for (const struct bl_kind *k = bl_kinds; k->name; k++) {
    if (k->what == BL_KIND_FLOAT) continue;
    int64_t cell = 0;
    union bl_scalar low = {.i = k->min}, high = {.i = k->max}, sum;
    bl_cell_store(k, &cell, low);
    CHECK_INT(bl_cell_load(k, &cell).i, k->min);
    CHECK_INT(bl_cell_add(k, &cell, of(k, -1), &sum), -ERANGE);
    CHECK_INT(bl_cell_load(k, &cell).i, k->min);
    bl_cell_store(k, &cell, high);
    CHECK_INT(bl_cell_load(k, &cell).i, k->max);
    CHECK_INT(bl_cell_add(k, &cell, of(k, 1), &sum), -ERANGE);
    CHECK_INT(bl_cell_load(k, &cell).i, k->max);
    CHECK(bl_kind_fits(k, low) && bl_kind_fits(k, high));
    if (k->size == 8) continue;
    low.i--;
    high.i++;
    CHECK(!bl_kind_fits(k, low) && !bl_kind_fits(k, high));
  }
}

static void knows_floats(void) {
  const struct bl_kind *k = bl_kind_find("f32");
  float cell = 0;
  union bl_scalar v = {.f = FLT_MAX}, sum;
  CHECK(bl_kind_fits(k, v));
  bl_cell_store(k, &cell, v);
  CHECK_INT(bl_cell_add(k, &cell, v, &sum), -ERANGE);
  CHECK(cell == FLT_MAX);
  v.f = 1e39;
  CHECK(!bl_kind_fits(k, v));
  v.f = INFINITY;
  CHECK(bl_kind_fits(k, v));
  CHECK_INT(bl_cell_add(k, &cell, v, &sum), 0);
  CHECK(isinf(cell) && isinf(sum.f));
  cell = -0.0f;
  v.f = 0;
  CHECK_INT(bl_cell_cas(k, &cell, &v, (union bl_scalar){.f = 0.1}), 1);
  v.f = 0.1; /* is not what the cell rounded it to */
  CHECK_INT(bl_cell_cas(k, &cell, &v, v), 0);
  CHECK(v.f == (double)0.1f);
}

CHECK_MAIN({"a cell touches nothing beside it", touches_nothing_else},
           {"an integer stays in its range", keeps_the_range},
           {"a float may be infinite, but not become so", knows_floats})
