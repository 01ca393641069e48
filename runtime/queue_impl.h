/* SPDX-License-Identifier: MIT */
/* What the two sides of a queue share: its memory, and the handle on it. */
#ifndef BILLIARD_QUEUE_IMPL_H
#define BILLIARD_QUEUE_IMPL_H

#include <stdalign.h>

#include "runtime/cursor.h"
#include "runtime/gong.h"
#include "runtime/mutex.h"
#include "runtime/queue.h"
#include "runtime/shm.h"
#include "runtime/spin.h"
#include "runtime/store.h"

enum {
  BL_QUEUE_LINE = 128,  /* what processors fetch together */
  BL_QUEUE_STRIDE = 200 /* pauses: for so long the other side is left alone */
};

/* The gong of a side is for those of the other side: what they wait for comes
 * under this side's mutex. The cursor they look at all the time, which must
 * not take the mutex from this side's processor. */
struct bl_queue_side {
  alignas(BL_QUEUE_LINE) struct bl_mutex mutex;
  struct bl_gong gong;
  alignas(BL_QUEUE_LINE) struct bl_cursor cursor;
};

/* What all processes see. */
struct bl_queue_head {
  uint64_t magic;
  uint64_t maxsize;
  size_t reserve;            /* the largest capacity */
  _Atomic size_t capacity;   /* changes under both mutexes */
  _Atomic uint32_t shut;     /* set under both */
  _Atomic uint32_t watched;  /* the items bell is a level; never unset */
  struct bl_queue_side put, get;
  /* under the get mutex: .items are done, .bytes is how often all were */
  alignas(BL_QUEUE_LINE) struct bl_cursor done;
  struct bl_gong done_gong;
};

struct bl_queue {
  struct bl_shm memory; /* of the head; its descriptor is that of the ring */
  struct bl_store store;
  /* where the other side stood when it was last looked at: it can only have
     gone on, so that most calls need not look, which would take the line away
     from the other processor */
  struct bl_mark put_seen, got_seen;
  struct bl_spin waits, stays; /* for items, for room */
  int items, room, done; /* the bells of the gongs; done: BL_FD_NONE */
};

static inline struct bl_queue_head *bl_queue_head(const struct bl_queue *q) {
  return q->memory.at;
}

/* A message in the ring: its size, a check, its bytes, padded. */
struct bl_record {
  uint32_t size, check;
};

static inline uint32_t bl_record_check(uint32_t size, uint64_t at) {
  return size ^ (uint32_t)(at >> 3) ^ UINT32_C(0x62696c6c);
}

static inline size_t bl_record_cost(size_t size) {
  return sizeof(struct bl_record) + ((size + 7) & ~(size_t)7);
}

/* Takes the mutex of a side: >= 0, or BL_ETIMEOUT at the deadline. That it was
 * inherited means nothing: what it guards is never half done. */
int bl_queue_lock(struct bl_queue_side *side, int64_t deadline_ns);
void bl_queue_unlock(struct bl_queue_side *side);

/* Polls the bell: 0, it is worth looking again; BL_ETIMEOUT. */
int bl_queue_sleep(int bell, int64_t deadline_ns);

/* A wait of a side. */
struct bl_queue_wait {
  int (*seen)(const void *queue); /* is it worth looking again? */
  int (*sleep)(struct bl_queue *q, int64_t deadline_ns);
};

/* Looks on for a while, then sleeps; as bl_queue_sleep(). */
int bl_queue_await(struct bl_queue *q, struct bl_spin *spin,
                   const struct bl_queue_wait *wait, int64_t deadline_ns);

/* Under a side's mutex, where there is or is not what its gong is for: has the
 * bell agree, and say so when that changes. */
void bl_queue_level(struct bl_gong *gong, int bell, int is_there);

#endif
