/* SPDX-License-Identifier: MIT */
/* How objects travel that are one piece of shared memory, or one descriptor:
 * what their handle types (lhandle.h) have in common. */
#ifndef BILLIARD_LSHARED_H
#define BILLIARD_LSHARED_H

#include "bindings/lclass.h"
#include "bindings/lhandle.h"
#include "runtime/shm.h"

/* Writes an object that says no more than its descriptor; refuses a closed
 * one, whose descriptor is BL_FD_NONE. */
int bl_lshared_give(struct bl_lwriter *w, const struct bl_lclass *class,
                    int fd, int *fds);

/* Reads what that wrote. */
void bl_lshared_nothing(struct bl_lreader *r);

int64_t bl_lshared_integer(struct bl_lreader *r);

/* Takes the descriptor for shared memory of at least so many bytes; raises.
 * memory is the object's, so that nothing leaks. */
void bl_lshared_take(struct bl_lreader *r, const struct bl_lclass *class,
                     int *fds, struct bl_shm *memory, size_t least);

/* Raises: the class's memory does not hold what it should. */
int bl_lshared_bad(struct bl_lreader *r, const struct bl_lclass *class);

#endif
