/* SPDX-License-Identifier: MIT */
/* What Value and Array have in common: typed cells in shared memory, behind
 * a lock for those who need more than one step. */
#ifndef BILLIARD_LCELL_H
#define BILLIARD_LCELL_H

#include "bindings/lclass.h"
#include "bindings/lshared.h"
#include "runtime/cell.h"
#include "runtime/shm.h"

struct bl_lcells {
  const struct bl_lclass *class;
  const struct bl_kind *kind;
  size_t n;
  struct bl_shm memory; /* unmapped: closed */
};

/* The kind that argument arg of owner names; raises. */
const struct bl_kind *bl_lcell_kind(lua_State *L, int arg,
                                    const char *owner);

/* Pushes n zeroed cells; 0 or an error. */
int bl_lcells_new(lua_State *L, const struct bl_lclass *class,
                  const struct bl_kind *kind, size_t n);

/* How they travel; least: how many there must be. */
int bl_lcells_give(struct bl_lwriter *w, int *fds);
void bl_lcells_take(struct bl_lreader *r, int *fds,
                    const struct bl_lclass *class, size_t least);

/* Cell i, from 0, which must be there. */
void *bl_lcell_at(const struct bl_lcells *c, size_t i);

/* The value at index for a cell of that kind; raises "what: ..." when it does
 * not fit. */
union bl_scalar bl_lcell_check(lua_State *L, int index,
                               const struct bl_kind *kind, const char *what);

/* The same for what is added to one: it need not fit, the sum must. */
union bl_scalar bl_lcell_summand(lua_State *L, int index,
                                 const struct bl_kind *kind,
                                 const char *what);

void bl_lcell_push(lua_State *L, const struct bl_kind *kind,
                   union bl_scalar value);

/* The cells at index 1, open; raises, what names the call. */
struct bl_lcells *bl_lcells_check(lua_State *L, const struct bl_lclass *class,
                                  const char *what);

/* __index of what is no cell: `lock`, and the methods, which are upvalue 1 of
 * the caller. */
int bl_lcells_index(lua_State *L, struct bl_lcells *c);

/* Closes the cells at index 1, of that class; close raises for who holds their
 * lock, the collector passes it on. */
int bl_lcells_close(lua_State *L, const struct bl_lclass *class);
int bl_lcells_gc(lua_State *L, const struct bl_lclass *class);

/* Pushes "<Value(i32, ", or "<Value(closed)>" and returns 0. */
int bl_lcells_describe(lua_State *L, const struct bl_lcells *c);

#endif
