/* SPDX-License-Identifier: MIT */
#include "runtime/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/bell.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/point.h"
#include "runtime/poll.h"
#include "runtime/queue_impl.h"

#define MAGIC UINT64_C(0x3171696c6c696271)
#define NAME "billiard-queue"
#define GRACE_NS (100 * BL_MILLISECOND_NS)

enum {
  OFFSET = 64 * 1024, /* of the ring: whole pages, whatever their size */
  FIRST = 64 * 1024   /* capacity */
};

#define LAST ((size_t)1 << 31)

static_assert(sizeof(struct bl_queue_head) <= OFFSET, "the head is in front");

/* ---- life ---- */

static int open_bells(struct bl_queue *q, int joinable) {
  int *const bells[] = {&q->items, &q->room, &q->done};
  for (int i = 0; i < (joinable ? 3 : 2); i++) {
    *bells[i] = bl_bell_open();
    if (*bells[i] < 0) {
      int r = *bells[i];
      *bells[i] = BL_FD_NONE;
      return r;
    }
  }
  return 0;
}

/* As large a file as this process may have. */
static int open_memory(struct bl_queue *q) {
  size_t reserve = LAST;
  while (reserve > FIRST && bl_shm_allowed(OFFSET + reserve) < 0) reserve /= 2;
  int r = bl_shm_new(&q->memory, NAME, OFFSET + reserve,
                     sizeof(struct bl_queue_head));
  if (r < 0) return r;
  bl_queue_head(q)->reserve = reserve;
  q->store.fd = q->memory.fd;
  r = bl_shm_reserve(&q->memory, OFFSET, FIRST);
  return r < 0 ? r : bl_store_fit(&q->store, FIRST);
}

static int init_head(struct bl_queue_head *h, uint64_t maxsize) {
  h->magic = MAGIC;
  h->maxsize = maxsize;
  h->capacity = FIRST;
  int r = bl_mutex_init(&h->put.mutex);
  return r < 0 ? r : bl_mutex_init(&h->get.mutex);
}

static struct bl_queue *new_handle(void) {
  struct bl_queue *q = calloc(1, sizeof *q);
  if (!q) return NULL;
  q->memory.fd = q->items = q->room = q->done = BL_FD_NONE;
  q->store.offset = OFFSET;
  return q;
}

int bl_queue_new(uint64_t maxsize, int joinable, struct bl_queue **q) {
  struct bl_queue *made = new_handle();
  if (!made) return -ENOMEM;
  int r = open_bells(made, joinable);
  if (r == 0) r = open_memory(made);
  if (r == 0) r = init_head(bl_queue_head(made), maxsize);
  if (r < 0) bl_queue_free(made);
  else *q = made;
  return r;
}

struct bl_queue *bl_queue_free(struct bl_queue *q) {
  if (!q) return NULL;
  bl_store_drop(&q->store);
  bl_shm_drop(&q->memory);
  bl_fd_close(q->items);
  bl_fd_close(q->room);
  bl_fd_close(q->done);
  free(q);
  return NULL;
}

/* ---- as descriptors ---- */

int bl_queue_fds(const struct bl_queue *q, int fds[BL_QUEUE_FDS]) {
  const int all[BL_QUEUE_FDS] = {q->memory.fd, q->items, q->room, q->done};
  for (int i = 0; i < BL_QUEUE_FDS; i++) fds[i] = all[i];
  return bl_queue_joinable(q) ? BL_QUEUE_FDS : BL_QUEUE_FDS - 1;
}

uint64_t bl_queue_kind(const struct bl_queue *q) {
  return bl_queue_head(q)->reserve;
}

static int adopt_memory(struct bl_queue *q, uint64_t reserve) {
  int fd = q->memory.fd;
  q->memory.fd = BL_FD_NONE; /* taken, also when it fails */
  if (reserve < FIRST || reserve > LAST) {
    bl_fd_close(fd);
    return BL_EBADFRAME;
  }
  int r = bl_shm_adopt(&q->memory, fd, OFFSET + (size_t)reserve,
                       sizeof(struct bl_queue_head));
  if (r < 0) return r;
  const struct bl_queue_head *h = bl_queue_head(q);
  if (h->magic != MAGIC || h->reserve != reserve) return BL_EBADFRAME;
  q->store.fd = q->memory.fd;
  return 0;
}

int bl_queue_adopt(uint64_t kind, const int *fds, int n, struct bl_queue **q) {
  struct bl_queue *taken = new_handle();
  int is_one = taken && (n == BL_QUEUE_FDS || n == BL_QUEUE_FDS - 1);
  if (!is_one) {
    for (int i = 0; i < n; i++) bl_fd_close(fds[i]);
    bl_queue_free(taken);
    return taken ? BL_EBADFRAME : -ENOMEM;
  }
  taken->memory.fd = fds[0];
  taken->items = fds[1];
  taken->room = fds[2];
  if (n == BL_QUEUE_FDS) taken->done = fds[3];
  int r = adopt_memory(taken, kind);
  if (r < 0) bl_queue_free(taken);
  else *q = taken;
  return r;
}

/* ---- what the sides share ---- */

/* Later than the deadline, if that is near: a mutex is held for microseconds,
   and "empty" must not be said because somebody is just getting. */
static int64_t patient(int64_t deadline_ns) {
  int64_t grace_ns = bl_deadline_ns(GRACE_NS);
  return deadline_ns > grace_ns ? deadline_ns : grace_ns;
}

int bl_queue_lock(struct bl_queue_side *side, int64_t deadline_ns) {
  int r = bl_mutex_try(&side->mutex);
  if (r != -EBUSY) return r;
  return bl_mutex_take(&side->mutex, patient(deadline_ns));
}

void bl_queue_unlock(struct bl_queue_side *side) {
  bl_mutex_give(&side->mutex);
}

int bl_queue_sleep(int bell, int64_t deadline_ns) {
  int r = bl_poll_one(bell, POLLIN, deadline_ns);
  if (r < 0) return r;
  return r == 0 ? BL_ETIMEOUT : 0;
}

int bl_queue_await(struct bl_queue *q, struct bl_spin *spin,
                   const struct bl_queue_wait *wait, int64_t deadline_ns) {
  struct bl_spin_look look = {wait->seen, q, NULL, BL_QUEUE_STRIDE,
                              BL_SPIN_BLIND_NS};
  int64_t start = bl_now_ns();
  if (start >= deadline_ns) return BL_ETIMEOUT;
  int hit = bl_spin(spin, &look, deadline_ns);
  int r = hit ? 0 : wait->sleep(q, deadline_ns);
  bl_spin_learn(spin, bl_now_ns() - start, hit);
  return r;
}

void bl_queue_level(struct bl_gong *gong, int bell, int is_there) {
  if (is_there) bl_gong_sound(gong, bell);
  else bl_gong_await(gong, bell);
}

/* ---- what all may know ---- */

uint64_t bl_queue_size(const struct bl_queue *q) {
  const struct bl_queue_head *h = bl_queue_head(q);
  uint64_t got = bl_cursor_look(&h->get.cursor).items; /* first: it is less */
  return bl_cursor_look(&h->put.cursor).items - got;
}

uint64_t bl_queue_maxsize(const struct bl_queue *q) {
  return bl_queue_head(q)->maxsize;
}

int bl_queue_joinable(const struct bl_queue *q) {
  return q->done != BL_FD_NONE;
}

int bl_queue_is_shut(const struct bl_queue *q) {
  return bl_queue_head(q)->shut != 0;
}

int bl_queue_shutdown(struct bl_queue *q, int64_t deadline_ns) {
  struct bl_queue_head *h = bl_queue_head(q);
  int r = bl_queue_lock(&h->put, deadline_ns);
  if (r < 0) return r;
  r = bl_queue_lock(&h->get, deadline_ns);
  if (r >= 0) {
    BL_POINT(shut_locked);
    bl_gong_sound(&h->put.gong, q->items);
    bl_gong_sound(&h->get.gong, q->room);
    BL_POINT(shut_rung);
    h->shut = 1;
    BL_POINT(shut_set);
    bl_queue_unlock(&h->get);
  }
  bl_queue_unlock(&h->put);
  return r < 0 ? r : 0;
}
