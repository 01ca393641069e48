/* SPDX-License-Identifier: MIT */
/* Judges a whole message before anything is built from it: is it well-formed,
 * allowed from who sent it, within limits? Allocates nothing.
 *
 * What passed can be built by bl_unpack_next() without another look: every
 * count and length is one that the bytes really hold. In between the bytes
 * must not change: memory that somebody else can write is copied first. */
#ifndef BILLIARD_INSPECT_H
#define BILLIARD_INSPECT_H

#include "runtime/base.h"

/* Who sent a message decides what may be in it. */
enum bl_profile {
  BL_PROFILE_DOWN, /* a process that owns us: everything */
  BL_PROFILE_UP,   /* a process that we own: no bytecode */
  BL_PROFILE_PLAIN /* a stranger: no extension at all */
};

enum { BL_INSPECT_DEPTH_MAX = 1000 }; /* limits.depth is at most this */

struct bl_inspect_limits {
  size_t bytes;        /* of the message */
  size_t values;       /* in it, keys and containers counted */
  size_t keys;         /* of one map */
  unsigned depth;      /* containers in containers, extensions counted */
  unsigned extensions; /* bit n: extension n is allowed */
};

/* The limits of each profile. From strangers: 64 MiB, a million values, 65 536
 * keys per map, depth 100. Inside the tree: depth 1 000, and 2^31 - 1 values
 * or keys, in as many bytes as memory holds. */
const struct bl_inspect_limits *bl_inspect_limits(enum bl_profile profile);

struct bl_inspect_report {
  int shares;          /* there are references or cells: count ordinals */
  size_t offset;       /* where it is bad, */
  const char *problem; /* and why: static text */
};

/* 0: exactly one value, and all of it can be built, with the descriptors that
 * came: how many. Else BL_EBADFRAME, BL_ETOOBIG or BL_ETOODEEP, with offset
 * and problem set. */
int bl_inspect(const char *bytes, size_t n, int descriptors,
               const struct bl_inspect_limits *limits,
               struct bl_inspect_report *report);

#endif
