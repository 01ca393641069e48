/* SPDX-License-Identifier: MIT */
/* Typed cells in shared memory: each is loaded, stored, added to and compared
 * at once, so that nobody sees half of one. What does not fit a type is
 * refused and changes nothing; nothing wraps. */
#ifndef BILLIARD_CELL_H
#define BILLIARD_CELL_H

#include "runtime/base.h"

enum bl_kind_what { BL_KIND_INTEGER, BL_KIND_FLOAT, BL_KIND_BOOLEAN };

struct bl_kind {
  const char *name; /* "i8" */
  size_t size;      /* of a cell, which is aligned to it */
  enum bl_kind_what what;
  int64_t min, max; /* of integers; u64 ends where Lua's integers do */
};

/* A cell's value outside of it: i for integers and booleans, f for floats. */
union bl_scalar {
  int64_t i;
  double f;
};

/* The kind of that name, or null; and all of them, the last has no name. */
const struct bl_kind *bl_kind_find(const char *name);
enum { BL_KINDS = 11 };
extern const struct bl_kind bl_kinds[BL_KINDS + 1];

/* Can a cell of that kind hold the value? For f32 what is finite must stay
 * so; it may lose digits. */
int bl_kind_fits(const struct bl_kind *kind, union bl_scalar value);

union bl_scalar bl_cell_load(const struct bl_kind *kind, const void *at);

/* The value must fit. */
void bl_cell_store(const struct bl_kind *kind, void *at,
                   union bl_scalar value);

/* Adds n: 0 and the sum in *sum; or -ERANGE, and nothing has changed. */
int bl_cell_add(const struct bl_kind *kind, void *at, union bl_scalar n,
                union bl_scalar *sum);

/* Stores value, which must fit, if the cell holds *old: 1; or 0, and what it
 * holds in *old. NaN equals nothing. */
int bl_cell_cas(const struct bl_kind *kind, void *at, union bl_scalar *old,
                union bl_scalar value);

#endif
