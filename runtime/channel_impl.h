/* SPDX-License-Identifier: MIT */
/* What channel.c, sender.c and receiver.c share: an end, and the memory
 * between the two. */
#ifndef BILLIARD_CHANNEL_IMPL_H
#define BILLIARD_CHANNEL_IMPL_H

#include <sys/types.h>

#include "runtime/channel.h"
#include "runtime/claim.h"
#include "runtime/clock.h"
#include "runtime/poller.h"
#include "runtime/ring.h"
#include "runtime/shm.h"
#include "runtime/spin.h"
#include "runtime/wake.h"

enum {
  BL_CHANNEL_SMALL = 16 << 10,             /* waits for room in the ring */
  BL_CHANNEL_LARGE = BL_RING_SIZE / 4 * 3, /* goes there if it fits at once */
  BL_CHANNEL_SPAN = 64 << 20               /* bytes in packets under way */
};

/* The longest nap of a sender that waits for room: bells for it can be missed
 * where receivers of its own end take what is in the socket. */
#define BL_CHANNEL_NAP_NS (10 * BL_MILLISECOND_NS)

/* For so long it is believed that somebody still holds the other end. */
#define BL_CHANNEL_TRUST_NS INT64_C(20000)

/* What is behind a single byte in the socket. */
enum bl_channel_bell { BL_BELL_DATA = 'd', BL_BELL_ROOM = 'r' };

/* One direction. Each word is written by one side: that whose claim it is. */
struct bl_lane {
  alignas(BL_RING_LINE) struct bl_claim writer;
  alignas(BL_RING_LINE) struct bl_claim reader;
  alignas(BL_RING_LINE) struct bl_wake data; /* the reader sleeps */
  struct bl_wake room;                       /* the writer does */
  struct bl_ring ring;
};

struct bl_channel_memory {
  alignas(BL_RING_LINE) uint64_t magic;
  struct bl_lane lanes[2]; /* by the end that writes it */
};

/* A set of descriptors for loops, of the process that made it. */
struct bl_channel_set {
  struct bl_poller *poller; /* null: not asked for yet */
  pid_t pid;
};

struct bl_channel {
  int sock;
  unsigned kind;
  struct bl_shm memory;
  struct bl_lane *in, *out;
  int verdict;          /* 0; what the next call says of a broken channel */
  struct bl_spin waits; /* for messages */
  struct bl_spin stays; /* for room */
  void (*before_sleep)(void *arg); /* null: nothing to do */
  void *arg;
  /* sending */
  struct bl_span outlook; /* the ring as it was when last looked at */
  int64_t met_ns;         /* when somebody was known to be there */
  int attended;  /* whether there is one is known elsewhere */
  struct bl_channel_set room;
  int waiting; /* room's process is announced as a sleeper */
  /* receiving */
  struct bl_span foreseen; /* records that come before any packet */
  struct bl_channel_set watch;
  int bell; /* in `watch`, rung while the ring holds something */
  int rung;
};

/* Is the set there, and this process's own? If not: makes one that is. */
int bl_channel_owns(const struct bl_channel_set *set);
int bl_channel_renew(struct bl_channel_set *set);

/* Sends a bell of that kind to the other side; 0, -EAGAIN, BL_ECLOSED. */
int bl_channel_ring(const struct bl_channel *c, enum bl_channel_bell kind);

/* Takes the single byte that stands first in the socket. */
void bl_channel_hush(const struct bl_channel *c);

/* Is there nobody at the other end? */
int bl_channel_deserted(const struct bl_channel *c);

/* Nothing on it is believed from here on: what the next call says. */
void bl_channel_condemn(struct bl_channel *c);

/* What is to be done before this process sleeps. */
static inline void bl_channel_rest(const struct bl_channel *c) {
  if (c->before_sleep) c->before_sleep(c->arg);
}

/* The verdict, which is BL_ECLOSED from the second time on; 0: none. */
int bl_channel_verdict(struct bl_channel *c);

/* The earlier one of a deadline and a time that lies length_ns from now. */
int64_t bl_channel_until(int64_t deadline_ns, int64_t length_ns);

#endif
