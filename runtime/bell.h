/* SPDX-License-Identifier: MIT */
/* A descriptor by which any of its children can wake a process: readable
 * after bl_bell_ring() until bl_bell_clear(). Children inherit it. */
#ifndef BILLIARD_BELL_H
#define BILLIARD_BELL_H

#include "runtime/base.h"

/* The descriptor, or -errno; the caller closes it. The other two never
 * wait. */
BL_API int bl_bell_open(void);
BL_API void bl_bell_ring(int bell);
BL_API void bl_bell_clear(int bell);

#endif
