/* SPDX-License-Identifier: MIT */
/* The bytes of a queue: a ring in a memfd that grows and shrinks, addressed by
 * positions that only grow. Byte p stands at p modulo the capacity, a power
 * of two.
 *
 * The file is as large as the ring may ever be, and costs what was reserved.
 * Each process maps the capacity it knows of; which capacity counts is kept by
 * who uses this. Not to be called by two at once but for reading. */
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

/* Has the bytes from `first` to before `last` stand where they do with another
 * capacity, which is reserved and mapped if it is larger; one that is smaller
 * must be at least twice as many. They stand where they stood, too: until the
 * new capacity is made known, others lose nothing. 0 or -errno. */
int bl_store_resize(struct bl_store *s, uint64_t first, uint64_t last,
                    size_t capacity);

/* Once that is known: gives back what is behind it. */
void bl_store_trim(struct bl_store *s, size_t capacity);

void bl_store_write(struct bl_store *s, uint64_t at, const void *bytes,
                    size_t n);
void bl_store_read(const struct bl_store *s, uint64_t at, void *to, size_t n);

/* Unmaps. */
void bl_store_drop(struct bl_store *s);

#endif
