/* SPDX-License-Identifier: MIT */
/* Records of bytes in shared memory, from one writer to one reader at a time,
 * with counts of the packets that travel beside them.
 *
 * Positions only grow. A record counts once the writer's position is behind
 * it, is free once the reader's is: a process that dies at any instruction
 * leaves the ring as it was before or after. Between the two the writer says
 * that a record is ready, and rings: who is woken so early makes it count
 * himself.
 *
 *   writer: 1. bl_ring_settle(), bl_ring_look()
 *           2. bl_ring_free() >= bl_ring_cost()  3. bl_ring_put()
 *           4. whoever sleeps is rung            5. bl_ring_settle()
 *   reader: 1. bl_ring_look(); where that is empty also bl_ring_settle()
 *           2. bl_ring_front()  3. bl_ring_copy()  4. bl_ring_pass()
 *
 * The other side may have written anything: positions and lengths are read
 * once and judged (BL_EBADFRAME); no call touches what is outside. */
#ifndef BILLIARD_RING_H
#define BILLIARD_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "runtime/base.h"

enum {
  BL_RING_SIZE = 128 * 1024,
  BL_RING_LINE = 128 /* what processors fetch together */
};

struct bl_ring_side {
  alignas(BL_RING_LINE) _Atomic uint64_t at;
  _Atomic uint64_t packets;
  _Atomic uint64_t bytes; /* of packets */
  _Atomic uint64_t ready; /* written up to here, where that is beyond `at` */
  _Atomic uint32_t cpu;   /* where it was written; means nothing to a ring */
};

struct bl_ring {
  struct bl_ring_side put, got;
  alignas(BL_RING_LINE) char data[BL_RING_SIZE];
};

/* The positions, as they were when they were looked at. */
struct bl_span {
  uint64_t head, tail;
};

/* 0, or BL_EBADFRAME for impossible positions. The caller is the writer or
 * the reader, so that one of the two stands still. */
int bl_ring_look(const struct bl_ring *r, struct bl_span *s);

/* For who has looked before: the caller's own position as it is now, the other
 * side's as it was then, which leaves that side's memory alone while it works.
 * 0 when the two do not fit together any more. */
int bl_ring_recall_head(const struct bl_ring *r, struct bl_span *s);
int bl_ring_recall_tail(const struct bl_ring *r, struct bl_span *s);

/* Is there a record, or one that is ready? For a look in passing. */
int bl_ring_holds(const struct bl_ring *r);

/* What a record of so many bytes takes, and how much is free. */
size_t bl_ring_cost(size_t size);
size_t bl_ring_free(const struct bl_span *s);

/* Makes what is ready count. */
void bl_ring_settle(struct bl_ring *r);

/* Writes the n parts, `size` bytes together, for which there is room, as one
 * record that is ready. A full barrier: who announced that he sleeps before he
 * saw it, is seen to sleep. */
void bl_ring_put(struct bl_ring *r, const struct bl_span *s,
                 const struct iovec *parts, int n, size_t size);

/* The size of the first record of a span that is not empty. */
int bl_ring_front(const struct bl_ring *r, const struct bl_span *s,
                  size_t *size);
void bl_ring_copy(const struct bl_ring *r, const struct bl_span *s, char *to,
                  size_t size);
void bl_ring_pass(struct bl_ring *r, const struct bl_span *s, size_t size);

#endif
