/* SPDX-License-Identifier: MIT */
/* Bytes of any number in a sparse piece of shared memory (shm.h), which is
 * not mapped: the writer maps a window at a time, the reader copies by calls
 * that find a hole and do not fault. Functions return 0 or a negative code. */
#ifndef BILLIARD_REGION_H
#define BILLIARD_REGION_H

#include "runtime/shm.h"

/* Writes n bytes at offset `at`, a multiple of the page size. Where memory
 * ends, what was written is given back. */
int bl_region_write(const struct bl_shm *m, size_t at, const char *from,
                    size_t n);

/* Copies n bytes from offset `at`, of which somebody else says that they are
 * there: BL_EBADFRAME when they are not. *to is for the caller to free. */
int bl_region_read(const struct bl_shm *m, size_t at, size_t n, char **to);

#endif
