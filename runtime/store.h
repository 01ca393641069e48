/* SPDX-License-Identifier: MIT */
/* The bytes of a queue: a ring in a memfd that can grow, addressed by
 * positions that only grow. Byte p stands at p modulo the capacity, a power
 * of two.
 *
 * The file is as large as the ring may ever be, and costs what was reserved.
 * Each process maps the capacity it knows of; which capacity counts is kept by
 * who uses this. Not to be called by two at once but for reading: growing
 * moves bytes. */
#ifndef BILLIARD_STORE_H
#define BILLIARD_STORE_H

#include <sys/uio.h>

#include "runtime/base.h"

struct bl_store {
  int fd;          /* borrowed */
  size_t offset;   /* of the ring in the file; whole pages */
  char *at;        /* null: not mapped */
  size_t capacity; /* of what is mapped */
};

/* Maps that capacity, which is reserved; does nothing when it is mapped. 0 or
 * -errno, and what was mapped before is still. */
int bl_store_fit(struct bl_store *s, size_t capacity);

/* Reserves and maps a larger capacity, and moves the bytes from `first` to
 * before `last` to where they stand there. They stand where they stood, too:
 * until the new capacity is made known, others lose nothing. 0 or -errno. */
int bl_store_grow(struct bl_store *s, uint64_t first, uint64_t last,
                  size_t capacity);

void bl_store_write(struct bl_store *s, uint64_t at, const void *bytes,
                    size_t n);
void bl_store_read(const struct bl_store *s, uint64_t at, void *to, size_t n);

/* Unmaps. */
void bl_store_drop(struct bl_store *s);

#endif
