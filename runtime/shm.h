/* SPDX-License-Identifier: MIT */
/* Memory that processes share: a memfd of a fixed size that nobody can cut.
 *
 * What was reserved is there: lack of memory is an error when it is made, and
 * not a SIGBUS at the first touch. What was not may be reserved later
 * (bl_shm_reserve), by anybody who holds it; a file may be far larger than
 * what is ever touched, and costs only that.
 *
 * The descriptor stays open, because it is how the memory travels. The other
 * side may write anything at any time, so words are read once, and bytes are
 * copied before they are looked at. Functions return 0 or a negative code. */
#ifndef BILLIARD_SHM_H
#define BILLIARD_SHM_H

#include "runtime/base.h"

struct bl_shm {
  void *at;    /* null: not mapped */
  size_t size; /* mapped bytes, from the beginning */
  int fd;      /* BL_FD_NONE: none */
};

/* An unmapped memfd that may be sealed, above 2; name is for people who look
 * at a process's descriptors. */
int bl_shm_open(const char *name);

/* -EFBIG when this process may not write files of that size (RLIMIT_FSIZE),
 * which it would learn by a signal. */
int bl_shm_allowed(size_t size);

/* Makes a zeroed memfd of `size` bytes, reserves and maps the first
 * `mapped`. */
int bl_shm_new(struct bl_shm *m, const char *name, size_t size,
               size_t mapped);

/* Makes sure that n bytes from `at` can be touched. */
int bl_shm_reserve(const struct bl_shm *m, size_t at, size_t n);

/* Gives the memory of n bytes from `at` back; they are zeroes then. */
void bl_shm_release(const struct bl_shm *m, size_t at, size_t n);

/* Takes fd, also when it fails, and maps the first `mapped` bytes:
 * BL_EBADFRAME for what is not such memory, of exactly that size. */
int bl_shm_adopt(struct bl_shm *m, int fd, size_t size, size_t mapped);

/* The same where only the first `reserved` of them are there to be touched. */
int bl_shm_adopt_sparse(struct bl_shm *m, int fd, size_t size, size_t mapped,
                        size_t reserved);

/* The same for what says itself how large it is, and is mapped whole. */
int bl_shm_take(struct bl_shm *m, int fd);

/* The same judgement, without taking: fd is shared memory that can neither
 * shrink nor (writable 0) be written any more, `size` bytes long. */
int bl_shm_check(int fd, size_t size, int writable);

/* No more writing, cutting or growing from here on. */
int bl_shm_freeze(int fd);

/* Unmaps and closes; does nothing to what has neither. */
void bl_shm_drop(struct bl_shm *m);

#endif
