/* SPDX-License-Identifier: MIT */
/* The sending half of a channel.
 *
 * Under the writer's claim: look for room, write, ring whoever sleeps, then
 * make it count. In that order, so that a sender that dies leaves nothing that
 * counts without a bell; a receiver that was woken before it counts takes it
 * nevertheless. A packet counts when it was sent, and is itself the bell. */
#include <errno.h>
#include <stdlib.h>

#include "runtime/channel_impl.h"
#include "runtime/packet.h"
#include "runtime/poll.h"

/* What is to be sent: parts, or a packet filled with them. */
struct load {
  const struct iovec *parts;
  int n;
  size_t size;
  struct bl_packet *packet;
};

/* ---- one try, under the claim: 1 sent, 0 no room ---- */

static uint64_t peek(const _Atomic uint64_t *word) {
  return atomic_load_explicit(word, memory_order_acquire);
}

/* A reader that was there a moment ago is believed to be there. */
static int has_reader(struct bl_channel *c) {
  if (c->attended) return 1;
  int64_t now = bl_now_ns();
  if (now < c->met_ns + BL_CHANNEL_TRUST_NS) return 1;
  if (bl_channel_deserted(c)) return 0;
  c->met_ns = now;
  return 1;
}

static int put_record(struct bl_channel *c, const struct load *l,
                      const struct bl_span *s) {
  uint32_t want;
  if (bl_ring_free(s) < bl_ring_cost(l->size)) return 0;
  bl_ring_put(&c->out->ring, s, l->parts, l->n, l->size);
  if (bl_wake_due(&c->out->data, &want)) {
    int r = bl_channel_ring(c, BL_BELL_DATA);
    if (r == BL_ECLOSED) {
      c->met_ns = 0; /* the next one looks */
      return r;
    }
    if (r == 0) bl_wake_rang(&c->out->data, want);
  }
  bl_ring_settle(&c->out->ring);
  return 1;
}

/* Bytes under way; a sender that died may have left less than nothing. */
static uint64_t under_way(const struct bl_ring *r) {
  int64_t bytes = (int64_t)(peek(&r->put.bytes) - peek(&r->got.bytes));
  return bytes > 0 ? (uint64_t)bytes : 0;
}

/* The packet is counted before it is there: a reader that sees the count not
 * to be its own looks into the socket. */
static int put_packet(struct bl_channel *c, const struct load *l,
                      const struct bl_span *s) {
  struct bl_ring *ring = &c->out->ring;
  uint64_t others = under_way(ring);
  if (others > 0 && others + l->size > BL_CHANNEL_SPAN) return 0;
  l->packet->tag = s->tail;
  bl_wake_again(&c->out->data); /* what comes behind it rings behind it */
  atomic_fetch_add(&ring->put.packets, 1);
  int r = bl_packet_send(c->sock, l->packet);
  if (r == -EAGAIN) return 0;
  if (r < 0) return r;
  atomic_fetch_add(&ring->put.bytes, l->size);
  return 1;
}

/* While what is known of the reader leaves room, its memory is not touched. */
static int look(struct bl_channel *c, size_t cost, struct bl_span *s) {
  struct bl_ring *ring = &c->out->ring;
  int r = 0;
  bl_ring_settle(ring); /* a dead sender's */
  if (!bl_ring_recall_tail(ring, &c->outlook) ||
      bl_ring_free(&c->outlook) < cost)
    r = bl_ring_look(ring, &c->outlook);
  *s = c->outlook;
  return r;
}

static int put(struct bl_channel *c, const struct load *l) {
  struct bl_span s;
  int r = look(c, bl_ring_cost(l->size), &s);
  if (r < 0) return r;
  if (!has_reader(c)) return BL_ECLOSED;
  return l->packet ? put_packet(c, l, &s) : put_record(c, l, &s);
}

/* ---- waiting for room ---- */

/* What the reader has taken: when it changes there is more room. */
struct taken {
  uint64_t at, packets, bytes;
};

static struct taken taken_of(const struct bl_channel *c) {
  const struct bl_ring_side *got = &c->out->ring.got;
  return (struct taken){peek(&got->at), peek(&got->packets),
                        peek(&got->bytes)};
}

static int has_changed(const struct bl_channel *c, const struct taken *t) {
  struct taken now = taken_of(c);
  return now.at != t->at || now.packets != t->packets || now.bytes != t->bytes;
}

/* What to spin for: half the ring, rather than one record after the other. */
struct hope {
  const struct bl_channel *c;
  const struct load *load;
  const struct taken *taken;
};

static int is_roomy(const void *what) {
  const struct hope *h = what;
  const struct bl_ring *r = &h->c->out->ring;
  if (h->load->packet) return has_changed(h->c, h->taken);
  return peek(&r->put.at) - peek(&r->got.at) <= BL_RING_SIZE / 2;
}

/* Takes a bell for senders that stands first in the socket; 1 when it did. */
static int take_bell(struct bl_channel *c) {
  struct bl_packet_note note;
  if (!bl_claim_try(&c->in->reader)) return 0;
  bl_wake_renew(&c->out->room);
  int is_ours =
      bl_packet_peek(c->sock, &note) == 1 && note.byte == BL_BELL_ROOM;
  if (is_ours) bl_channel_hush(c);
  bl_claim_give(&c->in->reader);
  return is_ours;
}

/* What to sleep for. Anything but our bells is for receivers, and hides what
 * comes behind it. */
static short events(struct bl_channel *c) {
  struct bl_packet_note note;
  for (;;) {
    int r = bl_packet_peek(c->sock, &note);
    if (r == -EAGAIN) return POLLIN;
    if (r != 1 || note.byte != BL_BELL_ROOM || !take_bell(c)) return 0;
  }
}

/* One nap; >= 0, or an error. */
static int nap(struct bl_channel *c, const struct taken *t, int64_t length_ns,
               int64_t deadline_ns) {
  int r = 0;
  bl_channel_rest(c);
  bl_wake_enter(&c->out->room);
  short wanted = events(c);
  if (!has_changed(c, t))
    r = bl_poll_one(c->sock, wanted, bl_channel_until(deadline_ns, length_ns));
  bl_wake_leave(&c->out->room);
  if (r > 0 && bl_channel_deserted(c)) return BL_ECLOSED;
  return r;
}

/* Waits until the reader took something since *t, or might have: 0. */
static int await(struct bl_channel *c, const struct load *l,
                 const struct taken *t, int64_t *nap_ns, int64_t deadline_ns) {
  int64_t start = bl_now_ns();
  if (start >= deadline_ns) return BL_ETIMEOUT;
  struct hope hope = {c, l, t};
  struct bl_spin_look look = {is_roomy, &hope, &c->out->ring.got.cpu, 1,
                              BL_SPIN_NS};
  int hit = bl_spin(&c->stays, &look, deadline_ns);
  int r = hit ? 0 : nap(c, t, *nap_ns, deadline_ns);
  bl_spin_learn(&c->stays, bl_now_ns() - start, hit);
  if (*nap_ns < BL_CHANNEL_NAP_NS) *nap_ns *= 2;
  return r < 0 ? r : 0;
}

/* ---- the whole of it ---- */

static int try(struct bl_channel *c, const struct load *l,
               int64_t deadline_ns) {
  int r = bl_claim_take(&c->out->writer, c->sock, deadline_ns);
  if (r < 0) return r;
  atomic_store_explicit(&c->out->ring.put.cpu, bl_spin_cpu(),
                        memory_order_relaxed);
  r = put(c, l);
  bl_claim_give(&c->out->writer);
  return r;
}

static int send_load(struct bl_channel *c, const struct load *l,
                     int64_t deadline_ns) {
  int64_t nap_ns = BL_MILLISECOND_NS;
  int r = try(c, l, deadline_ns);
  while (r == 0) {
    struct taken t = taken_of(c);
    r = try(c, l, deadline_ns);
    if (r != 0) break;
    r = await(c, l, &t, &nap_ns, deadline_ns);
  }
  return r < 0 ? r : 0;
}

/* What is large goes through the ring where it fits there right now. */
static int send_at_once(struct bl_channel *c, const struct load *l,
                        int64_t deadline_ns) {
  return l->size <= BL_CHANNEL_LARGE ? try(c, l, deadline_ns) : 0;
}

static int send_packet(struct bl_channel *c, struct load *l, const int *fds,
                       int nfds, int64_t deadline_ns) {
  l->packet = malloc(sizeof *l->packet);
  if (!l->packet) return -ENOMEM;
  int r = bl_packet_fill_wide(l->packet, l->parts, l->n, fds, nfds);
  if (r == 0) r = send_load(c, l, deadline_ns);
  bl_packet_drop(l->packet);
  if (r == -EMSGSIZE) { /* a socket with little room */
    r = bl_packet_fill(l->packet, l->parts, l->n, fds, nfds);
    if (r == 0) r = send_load(c, l, deadline_ns);
    bl_packet_drop(l->packet);
  }
  free(l->packet);
  return r;
}

static int send_large(struct bl_channel *c, struct load *l, const int *fds,
                      int nfds, int64_t deadline_ns) {
  int r = nfds == 0 ? send_at_once(c, l, deadline_ns) : 0;
  if (r == 0) return send_packet(c, l, fds, nfds, deadline_ns);
  return r < 0 ? r : 0;
}

int bl_channel_send(struct bl_channel *c, const struct iovec *parts, int n,
                    const int *fds, int nfds, int64_t deadline_ns) {
  if (!bl_channel_writable(c)) return -EBADF;
  if (c->verdict) return bl_channel_verdict(c);
  struct load l = {.parts = parts, .n = n};
  for (int i = 0; i < n; i++) l.size += parts[i].iov_len;
  int r = l.size > BL_CHANNEL_SMALL || nfds > 0
              ? send_large(c, &l, fds, nfds, deadline_ns)
              : send_load(c, &l, deadline_ns);
  if (r == 0 && c->waiting && bl_channel_owns(&c->room)) {
    bl_wake_leave(&c->out->room);
    c->waiting = 0;
  }
  if (r != BL_EBADFRAME) return r;
  bl_channel_condemn(c);
  return bl_channel_verdict(c);
}

/* ---- in loops ---- */

static int new_set(struct bl_channel *c) {
  c->waiting = 0;
  int r = bl_channel_renew(&c->room);
  if (r < 0) return r;
  /* edges: what is for receivers may stand in the socket all the time */
  return bl_poller_add(c->room.poller, c->sock,
                       POLLIN | POLLOUT | BL_POLLER_EDGE);
}

int bl_channel_room_fd(struct bl_channel *c) {
  if (c->sock == BL_FD_NONE)
    return bl_channel_owns(&c->room) ? bl_poller_fd(c->room.poller)
                                     : BL_ECLOSED;
  int r = bl_channel_owns(&c->room) ? 0 : new_set(c);
  if (r < 0) return r;
  r = bl_poller_wait(c->room.poller, 0);
  if (r < 0) return r;
  if (!c->waiting) bl_wake_enter(&c->out->room);
  else bl_wake_renew(&c->out->room);
  c->waiting = 1;
  events(c);
  return bl_poller_fd(c->room.poller);
}

int64_t bl_channel_room_due(const struct bl_channel *c) {
  (void)c;
  return BL_CHANNEL_NAP_NS;
}
