/* SPDX-License-Identifier: MIT */
#include "runtime/cell.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

const struct bl_kind bl_kinds[BL_KINDS + 1] = {
    {"i8", 1, BL_KIND_INTEGER, INT8_MIN, INT8_MAX},
    {"u8", 1, BL_KIND_INTEGER, 0, UINT8_MAX},
    {"i16", 2, BL_KIND_INTEGER, INT16_MIN, INT16_MAX},
    {"u16", 2, BL_KIND_INTEGER, 0, UINT16_MAX},
    {"i32", 4, BL_KIND_INTEGER, INT32_MIN, INT32_MAX},
    {"u32", 4, BL_KIND_INTEGER, 0, UINT32_MAX},
    {"i64", 8, BL_KIND_INTEGER, INT64_MIN, INT64_MAX},
    {"u64", 8, BL_KIND_INTEGER, 0, INT64_MAX},
    {"f32", 4, BL_KIND_FLOAT, 0, 0},
    {"f64", 8, BL_KIND_FLOAT, 0, 0},
    {"bool", 1, BL_KIND_BOOLEAN, 0, 1},
    {NULL, 0, BL_KIND_INTEGER, 0, 0}};

const struct bl_kind *bl_kind_find(const char *name) {
  const struct bl_kind *k = bl_kinds;
  while (k->name && strcmp(k->name, name) != 0) k++;
  return k->name ? k : NULL;
}

int bl_kind_fits(const struct bl_kind *kind, union bl_scalar value) {
  if (kind->what != BL_KIND_FLOAT)
    return value.i >= kind->min && value.i <= kind->max;
  if (kind->size == sizeof(double) || !isfinite(value.f)) return 1;
  return isfinite((float)value.f);
}

/* ---- the bits of a cell, whatever they mean ---- */

static uint64_t load(const void *at, size_t size) {
  switch (size) {
    case 1: return __atomic_load_n((const uint8_t *)at, __ATOMIC_SEQ_CST);
    case 2: return __atomic_load_n((const uint16_t *)at, __ATOMIC_SEQ_CST);
    case 4: return __atomic_load_n((const uint32_t *)at, __ATOMIC_SEQ_CST);
    default: return __atomic_load_n((const uint64_t *)at, __ATOMIC_SEQ_CST);
  }
}

static void store(void *at, size_t size, uint64_t bits) {
  switch (size) {
    case 1: __atomic_store_n((uint8_t *)at, (uint8_t)bits, __ATOMIC_SEQ_CST);
      break;
    case 2: __atomic_store_n((uint16_t *)at, (uint16_t)bits, __ATOMIC_SEQ_CST);
      break;
    case 4: __atomic_store_n((uint32_t *)at, (uint32_t)bits, __ATOMIC_SEQ_CST);
      break;
    default: __atomic_store_n((uint64_t *)at, bits, __ATOMIC_SEQ_CST);
  }
}

#define SWAP(type)                                                           \
  {                                                                          \
    type seen = (type)from;                                                  \
    return __atomic_compare_exchange_n((type *)at, &seen, (type)to, 0,       \
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);  \
  }

/* 1 when the cell held the bits `from`, and holds `to` now. */
static int swap(void *at, size_t size, uint64_t from, uint64_t to) {
  switch (size) {
    case 1: SWAP(uint8_t)
    case 2: SWAP(uint16_t)
    case 4: SWAP(uint32_t)
    default: SWAP(uint64_t)
  }
}

/* ---- and what they mean ---- */

static uint64_t encode(const struct bl_kind *kind, union bl_scalar value) {
  if (kind->what != BL_KIND_FLOAT || kind->size == sizeof(double)) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  float narrow = (float)value.f;
  uint32_t bits;
  memcpy(&bits, &narrow, sizeof bits);
  return bits;
}

static int64_t extend(uint64_t bits, size_t size) {
  unsigned shift = (unsigned)(8 * (sizeof bits - size));
  return (int64_t)(bits << shift) >> shift;
}

static union bl_scalar decode(const struct bl_kind *kind, uint64_t bits) {
  union bl_scalar value;
  if (kind->what != BL_KIND_FLOAT) {
    value.i = kind->min < 0 ? extend(bits, kind->size) : (int64_t)bits;
  } else if (kind->size == sizeof(double)) {
    memcpy(&value.f, &bits, sizeof value.f);
  } else {
    float narrow;
    uint32_t low = (uint32_t)bits;
    memcpy(&narrow, &low, sizeof narrow);
    value.f = narrow;
  }
  return value;
}

union bl_scalar bl_cell_load(const struct bl_kind *kind, const void *at) {
  return decode(kind, load(at, kind->size));
}

void bl_cell_store(const struct bl_kind *kind, void *at,
                   union bl_scalar value) {
  store(at, kind->size, encode(kind, value));
}

/* The sum of two that fit: 0, or -ERANGE. Floats may be infinite only where
 * one of the two was. */
static int add(const struct bl_kind *kind, union bl_scalar a,
               union bl_scalar b, union bl_scalar *sum) {
  if (kind->what == BL_KIND_FLOAT) {
    sum->f = a.f + b.f;
    if (isfinite(a.f) && isfinite(b.f) && !isfinite(sum->f)) return -ERANGE;
  } else if (__builtin_add_overflow(a.i, b.i, &sum->i)) {
    return -ERANGE;
  }
  return bl_kind_fits(kind, *sum) ? 0 : -ERANGE;
}

int bl_cell_add(const struct bl_kind *kind, void *at, union bl_scalar n,
                union bl_scalar *sum) {
  uint64_t before;
  union bl_scalar after;
  do {
    before = load(at, kind->size);
    if (add(kind, decode(kind, before), n, &after) < 0) return -ERANGE;
  } while (!swap(at, kind->size, before, encode(kind, after)));
  *sum = decode(kind, encode(kind, after)); /* f32 has rounded it */
  return 0;
}

static int equal(const struct bl_kind *kind, union bl_scalar a,
                 union bl_scalar b) {
  return kind->what == BL_KIND_FLOAT ? a.f == b.f : a.i == b.i;
}

int bl_cell_cas(const struct bl_kind *kind, void *at, union bl_scalar *old,
                union bl_scalar value) {
  for (;;) {
    uint64_t bits = load(at, kind->size);
    union bl_scalar seen = decode(kind, bits);
    if (!equal(kind, seen, *old)) {
      *old = seen;
      return 0;
    }
    if (swap(at, kind->size, bits, encode(kind, value))) return 1;
  }
}
