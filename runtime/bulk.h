/* SPDX-License-Identifier: MIT */
/* Filling and reading a memfd of many bytes, in huge pages as far as the
 * kernel has some at hand: to fill, to read and to free it then costs a
 * fraction. Where it has none, as with few bytes, it is a memfd like any
 * other. */
#ifndef BILLIARD_BULK_H
#define BILLIARD_BULK_H

#include <sys/uio.h>

#include "runtime/base.h"

/* Fills an empty memfd that nobody else has with n parts, size bytes
 * together. 0 or -errno; no mapping is left, so that it can be frozen. */
int bl_bulk_fill(int fd, const struct iovec *parts, int n, size_t size);

/* Maps it for reading, in a place where huge pages fit; as mmap(). */
void *bl_bulk_view(int fd, size_t size);

#endif
