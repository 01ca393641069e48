/* SPDX-License-Identifier: MIT */
/* The receiving half of a channel.
 *
 * Which message is next: a packet's tag is where the writer stood in the ring
 * when it sent it, so it comes when the reader stands there. While the counts
 * of packets sent and taken agree, nobody needs to look into the socket.
 *
 * Bells stay in the socket while the ring holds something, so that every
 * holder of this end, and every loop that watches it, sees that there is
 * something. They are taken when the ring is empty, and on the way to a packet
 * behind them; and only those that were there before that was said in `want`:
 * then whoever writes later rings again, and a receiver that dies has taken
 * nobody's last bell. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "runtime/bell.h"
#include "runtime/channel_impl.h"
#include "runtime/fd.h"
#include "runtime/packet.h"
#include "runtime/poll.h"

enum { MOST_BELLS = 64 }; /* taken in one go, lest a deadline is missed */

enum next { NOTHING, RECORD, PACKET, END }; /* or an error */

struct view {
  struct bl_span span;
  struct bl_packet_note packet;
};

/* ---- what comes next, under the reader's claim ---- */

static uint64_t peek(const _Atomic uint64_t *word) {
  return atomic_load_explicit(word, memory_order_acquire);
}

static int record(const struct bl_span *s) {
  return s->head != s->tail ? RECORD : NOTHING;
}

static int look_at(struct bl_ring *r, struct bl_span *s) {
  int error = bl_ring_look(r, s);
  if (error < 0 || record(s)) return error;
  bl_ring_settle(r);
  return bl_ring_look(r, s);
}

/* Less in the socket than a packet: bells only. */
static int only_bells(const struct bl_channel *c) {
  int bytes = 0;
  return ioctl(c->sock, FIONREAD, &bytes) == 0 && bytes < BL_PACKET_HEAD;
}

/* A bell stands first, and perhaps a packet behind it; 1 when the bell was
 * taken. */
static int pass_bell(struct bl_channel *c, const struct view *v, int packets) {
  int alone = !packets || only_bells(c);
  struct bl_span now;
  if (alone && record(&v->span)) return 0;
  bl_wake_renew(v->packet.byte == BL_BELL_ROOM ? &c->out->room : &c->in->data);
  if (alone && (look_at(&c->in->ring, &now) < 0 || record(&now))) return 0;
  bl_channel_hush(c);
  return 1;
}

/* A packet stands first: is it next? */
static int place_packet(const struct bl_channel *c, struct view *v) {
  int r = look_at(&c->in->ring, &v->span);
  if (r < 0) return r;
  int64_t ahead = (int64_t)(v->packet.tag - v->span.head);
  if (ahead <= 0) return PACKET;
  return (uint64_t)ahead <= v->span.tail - v->span.head ? RECORD
                                                        : BL_EBADFRAME;
}

/* The counts of what was sent, and whether they were still: then what they
 * count is in the socket, was taken, or was lost with its sender. */
struct counts {
  uint64_t packets, bytes;
  int still;
};

static struct counts count(const struct bl_lane *in, uint64_t packets) {
  struct counts n = {.packets = packets};
  n.still = atomic_load(&in->writer.holder) == 0;
  n.bytes = peek(&in->ring.put.bytes);
  return n;
}

static void set(_Atomic uint64_t *word, uint64_t value) {
  if (peek(word) != value)
    atomic_store_explicit(word, value, memory_order_release);
}

/* The socket is empty. */
static void reconcile(struct bl_lane *in, const struct counts *n) {
  if (!n->still) return;
  set(&in->ring.got.packets, n->packets);
  set(&in->ring.got.bytes, n->bytes);
}

/* What was in the ring while no packet was under way comes before any other:
 * it is taken without another look at what the sender writes. */
static int is_foreseen(struct bl_channel *c, struct view *v) {
  if (!bl_ring_recall_head(&c->in->ring, &c->foreseen)) return 0;
  v->span = c->foreseen;
  return record(&v->span);
}

/* Fills *v. Looks into the socket only if there may be a packet, or, when
 * thorough, where the ring is empty. The ring is looked at first: what it
 * holds was then published before any packet that is not there. */
static int find(struct bl_channel *c, int thorough, struct view *v) {
  struct bl_lane *in = c->in;
  if (is_foreseen(c, v)) return RECORD;
  for (int bells = 0;; bells++) {
    int r = look_at(&in->ring, &v->span);
    if (r < 0) return r;
    uint64_t sent = peek(&in->ring.put.packets);
    int packets = sent != peek(&in->ring.got.packets);
    if (!packets) c->foreseen = v->span;
    if (!packets && (record(&v->span) || !thorough)) return record(&v->span);
    struct counts n = count(in, sent);
    r = bl_packet_peek(c->sock, &v->packet);
    if (r > 1) return place_packet(c, v);
    if (r == 1 && bells < MOST_BELLS && pass_bell(c, v, packets)) continue;
    if (r == -EAGAIN) reconcile(in, &n);
    else if (r < 0) return r;
    if (r != 0) return record(&v->span);
    r = look_at(&in->ring, &v->span); /* the end: now it is final */
    return r < 0 ? r : record(&v->span) ? RECORD : END;
  }
}

/* ---- taking it ---- */

static void ring_for_room(struct bl_channel *c) {
  uint32_t want;
  if (bl_wake_due(&c->in->room, &want) &&
      bl_channel_ring(c, BL_BELL_ROOM) == 0)
    bl_wake_rang(&c->in->room, want);
}

static int take_record(struct bl_channel *c, const struct bl_span *s,
                       struct bl_message *m, size_t max) {
  size_t size;
  int r = bl_ring_front(&c->in->ring, s, &size);
  if (r < 0) return r;
  if (size > max) return BL_ETOOBIG;
  char *to = size <= sizeof m->inside ? m->inside : malloc(size);
  if (!to) return -ENOMEM;
  bl_ring_copy(&c->in->ring, s, to, size);
  bl_ring_pass(&c->in->ring, s, size);
  m->bytes = to;
  m->size = size;
  m->fds = NULL;
  m->n = 0;
  m->packet = NULL;
  m->buffer = to == m->inside ? NULL : to;
  if (s->tail - s->head - bl_ring_cost(size) <= BL_RING_SIZE / 2)
    ring_for_room(c);
  return 1;
}

static int take_packet(struct bl_channel *c, const struct bl_packet_note *note,
                       struct bl_message *m, size_t max) {
  struct bl_ring_side *got = &c->in->ring.got;
  if (note->size > max) return BL_ETOOBIG;
  struct bl_packet *p = malloc(sizeof *p);
  if (!p) return -ENOMEM;
  int r = bl_packet_take(c->sock, note, p);
  if (r <= 0) {
    free(p);
    return r == 0 ? BL_EBADFRAME : r; /* the channel ends, or it stays */
  }
  atomic_fetch_add(&got->packets, 1);
  atomic_fetch_add(&got->bytes, note->size);
  ring_for_room(c);
  m->bytes = p->bytes;
  m->size = p->size;
  m->fds = p->fds;
  m->n = p->n;
  m->packet = p;
  m->buffer = NULL;
  return 1;
}

void bl_message_drop(struct bl_message *m) {
  if (m->packet) bl_packet_drop(m->packet);
  free(m->packet);
  free(m->buffer);
  m->packet = NULL;
  m->buffer = NULL;
  m->n = 0;
}

/* ---- one try: 1 done, 0 nothing there ---- */

/* After a look of ours: the ring's part in bl_channel_fd(). */
static void settle(struct bl_channel *c) {
  struct view v;
  if (!bl_channel_owns(&c->watch)) return;
  int r = find(c, 1, &v);
  int holds = r == RECORD || (r < 0 && r != -EAGAIN);
  if (holds && !c->rung) bl_bell_ring(c->bell);
  if (!holds && c->rung) bl_bell_clear(c->bell);
  c->rung = holds;
}

/* m null: only looks. */
static int take(struct bl_channel *c, struct bl_message *m, size_t max,
                int thorough) {
  struct view v;
  int r = find(c, thorough, &v);
  if (r < 0) return r;
  if (!m || r == NOTHING) return r != NOTHING;
  if (r == END) return BL_ECLOSED;
  return r == RECORD ? take_record(c, &v.span, m, max)
                     : take_packet(c, &v.packet, m, max);
}

static int try(struct bl_channel *c, struct bl_message *m, size_t max,
               int thorough, int64_t deadline_ns) {
  int r = bl_claim_take(&c->in->reader, c->sock, deadline_ns);
  if (r < 0) return r;
  atomic_store_explicit(&c->in->ring.got.cpu, bl_spin_cpu(),
                        memory_order_relaxed);
  r = take(c, m, max, thorough);
  settle(c);
  bl_claim_give(&c->in->reader);
  return r;
}

/* ---- waiting ---- */

static int is_worth_a_try(const void *what) {
  const struct bl_ring *r = what;
  return bl_ring_holds(r) || peek(&r->put.packets) != peek(&r->got.packets);
}

/* Sleeps until the socket says something. */
static int doze(struct bl_channel *c, int64_t deadline_ns) {
  int r = 1;
  bl_channel_rest(c);
  if (bl_ring_holds(&c->in->ring)) return r; /* or each would cost a bell */
  bl_wake_enter(&c->in->data);
  if (!bl_ring_holds(&c->in->ring))
    r = bl_poll_one(c->sock, POLLIN, deadline_ns);
  bl_wake_leave(&c->in->data);
  return r == 0 ? BL_ETIMEOUT : r;
}

/* Waits until it is worth trying again: thoroughly, where nothing was seen. */
static int get(struct bl_channel *c, struct bl_message *m, size_t max,
               int64_t deadline_ns) {
  struct bl_spin_look look = {is_worth_a_try, &c->in->ring,
                              &c->in->ring.put.cpu, 1, BL_SPIN_NS};
  int64_t start = bl_now_ns();
  int hit = start < deadline_ns && bl_spin(&c->waits, &look, deadline_ns);
  int r = hit ? try(c, m, max, 0, deadline_ns) : 0;
  while (r == 0) {
    r = try(c, m, max, 1, deadline_ns);
    if (r != 0) break;
    if (bl_now_ns() >= deadline_ns) return BL_ETIMEOUT;
    r = doze(c, deadline_ns);
    if (r < 0) return r;
    r = try(c, m, max, 0, deadline_ns);
  }
  bl_spin_learn(&c->waits, bl_now_ns() - start, hit);
  return r;
}

static int await(struct bl_channel *c, struct bl_message *m, size_t max,
                 int64_t deadline_ns) {
  int r = try(c, m, max, 0, deadline_ns);
  if (r == 0) r = get(c, m, max, deadline_ns);
  if (r == BL_EBADFRAME) bl_channel_condemn(c);
  return r;
}

int bl_channel_receive(struct bl_channel *c, struct bl_message *m, size_t max,
                       int64_t deadline_ns) {
  if (!bl_channel_readable(c)) return -EBADF;
  int r = c->verdict ? BL_EBADFRAME : await(c, m, max, deadline_ns);
  if (r == BL_EBADFRAME) return bl_channel_verdict(c);
  return r < 0 ? r : 0;
}

int bl_channel_look(struct bl_channel *c, int64_t deadline_ns) {
  if (!bl_channel_readable(c)) return -EBADF;
  int r = c->verdict ? BL_EBADFRAME : await(c, NULL, 0, deadline_ns);
  return r == BL_EBADFRAME ? 1 : r; /* the next receive says it */
}

/* ---- for who waits for many at once ---- */

int bl_channel_holds(const struct bl_channel *c) {
  return is_worth_a_try(&c->in->ring);
}

uint32_t bl_channel_peer_cpu(const struct bl_channel *c) {
  return atomic_load_explicit(&c->in->ring.put.cpu, memory_order_relaxed);
}

void bl_channel_watch(struct bl_channel *c) { bl_wake_watch(&c->in->data); }

/* ---- in loops ---- */

static int make_set(struct bl_channel *c) {
  c->bell = bl_fd_close(c->bell);
  int r = bl_channel_renew(&c->watch);
  if (r == 0) r = bl_bell_open();
  if (r >= 0) r = bl_poller_add(c->watch.poller, c->bell = r, POLLIN);
  if (r >= 0) r = bl_poller_add(c->watch.poller, c->sock, POLLIN);
  if (r < 0) c->watch.poller = bl_poller_free(c->watch.poller);
  return r;
}

/* What is there already may have no bell. */
static void begin_to_watch(struct bl_channel *c) {
  bl_wake_watch(&c->in->data);
  c->rung = c->verdict || bl_ring_holds(&c->in->ring);
  if (c->rung) bl_bell_ring(c->bell);
}

int bl_channel_fd(struct bl_channel *c) {
  if (!bl_channel_owns(&c->watch)) {
    if (c->sock == BL_FD_NONE) return BL_ECLOSED;
    int r = make_set(c);
    if (r < 0) return r;
    begin_to_watch(c);
  }
  return bl_poller_fd(c->watch.poller);
}
