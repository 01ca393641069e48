/* SPDX-License-Identifier: MIT */
#include "runtime/link.h"

#include <stdatomic.h>

#include "runtime/fd.h"

enum { STATE_BITS = 8, DUPLEX_END = 3 /* the second end of two that do both */ };

/* A word is number << STATE_BITS | state: a move of one task cannot be taken
 * for one of a task that lay there before. */
struct slot {
  _Atomic uint64_t word;
  _Atomic int64_t started_ns;
};

struct desk {
  struct slot slots[BL_DESK_SLOTS];
};

/* ---- making and handing over ---- */

static int same_memory(const struct bl_shm *m, struct bl_shm *copy) {
  int fd = bl_fd_copy(m->fd);
  return fd < 0 ? fd : bl_shm_adopt(copy, fd, m->size, m->size);
}

/* An owner hears of its worker's end, a worker does not outlive its owner. */
static void attend(struct bl_link *l) { bl_channel_attend(l->channel); }

int bl_link_pair(struct bl_link *owner, struct bl_link *worker) {
  struct bl_channel *ends[2] = {NULL, NULL};
  size_t size = sizeof(struct desk);
  *owner = *worker = (struct bl_link){.desk = {.fd = BL_FD_NONE}};
  int r = bl_channel_pair(1, ends);
  owner->channel = ends[0];
  worker->channel = ends[1];
  if (r == 0) r = bl_shm_new(&owner->desk, "billiard-desk", size, size);
  if (r == 0) r = same_memory(&owner->desk, &worker->desk);
  if (r == 0) {
    attend(owner);
    attend(worker);
    return 0;
  }
  bl_link_drop(owner);
  bl_link_drop(worker);
  return r;
}

void bl_link_drop(struct bl_link *l) {
  l->channel = bl_channel_free(l->channel);
  bl_shm_drop(&l->desk);
}

void bl_link_fds(const struct bl_link *l, int fds[BL_LINK_FDS]) {
  bl_channel_fds(l->channel, fds);
  fds[BL_CHANNEL_FDS] = l->desk.fd;
}

int bl_link_adopt(const int fds[BL_LINK_FDS], struct bl_link *l) {
  size_t size = sizeof(struct desk);
  *l = (struct bl_link){.desk = {.fd = BL_FD_NONE}};
  int r = bl_shm_adopt(&l->desk, fds[BL_CHANNEL_FDS], size, size);
  int other = bl_channel_adopt(DUPLEX_END, fds, &l->channel);
  if (r == 0) r = other;
  if (r < 0) bl_link_drop(l);
  else attend(l);
  return r;
}

void bl_link_settle(struct bl_link *l) {
  bl_channel_settle(l->channel);
  l->desk.fd = bl_fd_close(l->desk.fd);
}

/* ---- the desk ---- */

static struct slot *slot_of(const struct bl_link *l, uint64_t number) {
  struct desk *desk = l->desk.at;
  return &desk->slots[number % BL_DESK_SLOTS];
}

static uint64_t word(uint64_t number, enum bl_desk_state state) {
  return number << STATE_BITS | (uint64_t)state;
}

static int move(struct bl_link *l, uint64_t number, enum bl_desk_state from,
                enum bl_desk_state to) {
  uint64_t expected = word(number, from);
  return atomic_compare_exchange_strong(&slot_of(l, number)->word, &expected,
                                        word(number, to));
}

void bl_desk_post(struct bl_link *l, uint64_t number) {
  atomic_store_explicit(&slot_of(l, number)->word,
                        word(number, BL_DESK_QUEUED), memory_order_release);
}

int bl_desk_start(struct bl_link *l, uint64_t number, int64_t now_ns) {
  atomic_store_explicit(&slot_of(l, number)->started_ns, now_ns,
                        memory_order_relaxed);
  return move(l, number, BL_DESK_QUEUED, BL_DESK_STARTED);
}

int bl_desk_finish(struct bl_link *l, uint64_t number) {
  return move(l, number, BL_DESK_STARTED, BL_DESK_DONE);
}

int bl_desk_take(struct bl_link *l, uint64_t number) {
  return move(l, number, BL_DESK_QUEUED, BL_DESK_TAKEN);
}

int bl_desk_doom(struct bl_link *l, uint64_t number) {
  return move(l, number, BL_DESK_STARTED, BL_DESK_DOOMED);
}

enum bl_desk_state bl_desk_look(const struct bl_link *l, uint64_t number,
                                int64_t *started_ns) {
  const struct slot *s = slot_of(l, number);
  uint64_t now = atomic_load_explicit(&s->word, memory_order_acquire);
  *started_ns = atomic_load_explicit(&s->started_ns, memory_order_relaxed);
  if (now >> STATE_BITS != number) return BL_DESK_FREE;
  return (enum bl_desk_state)(now & ((1 << STATE_BITS) - 1));
}
