/* SPDX-License-Identifier: MIT */
/* What only the process that made it can use, and what others would notice if
 * a forked child kept it open: a state's list of such things. */
#ifndef BILLIARD_LSHED_H
#define BILLIARD_LSHED_H

#include "bindings/compat.h"

/* The head of one; zeroed: on no list. */
struct bl_lshed {
  void (*drop)(struct bl_lshed *self); /* lets go of it, and takes it off */
  struct bl_lshed *next;
  struct bl_lshed **at; /* where the one before points to it */
};

void bl_lshed_add(lua_State *L, struct bl_lshed *s);
void bl_lshed_remove(struct bl_lshed *s);

/* In a forked child, and at the end of a process: lets go of all. */
void bl_lshed_all(lua_State *L);

#endif
