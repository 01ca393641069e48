/* SPDX-License-Identifier: MIT */
/* Key bytes: in pages of their own, kept out of core dumps and (where the
 * limits allow) out of swap, wiped when freed, compared in constant time.
 * A forked child inherits its copy. */
#ifndef BILLIARD_SECRET_H
#define BILLIARD_SECRET_H

#include "runtime/base.h"

#define BL_SECRET_MAX 65536

struct bl_secret; /* size and bytes never change */

/* 1..BL_SECRET_MAX bytes, else -EINVAL; -ENOMEM. The caller wipes its own. */
int bl_secret_new(const void *bytes, size_t size, struct bl_secret **out);
int bl_secret_random(size_t size, struct bl_secret **out);

/* From a file that its owner alone may read and that is this user's or
 * root's; else -EPERM. */
int bl_secret_read(const char *path, struct bl_secret **out);

/* Wipes and frees; returns NULL, accepts NULL. */
struct bl_secret *bl_secret_free(struct bl_secret *s);

size_t bl_secret_size(const struct bl_secret *s);
const unsigned char *bl_secret_bytes(const struct bl_secret *s);

/* 1 when equal. Takes as long for any bytes of the same length. */
int bl_secret_equals(const struct bl_secret *s, const void *bytes,
                     size_t size);

/* 32 bits that equal keys share within one tree of processes and that tell
 * nothing about the key: SipHash-2-4 (Aumasson and Bernstein, 2012) under a
 * key drawn once per tree. */
uint32_t bl_secret_fingerprint(const struct bl_secret *s);

/* SipHash-2-4 of size bytes, for the test against published vectors. */
uint64_t bl_siphash(const unsigned char key[16], const void *bytes,
                    size_t size);

#endif
