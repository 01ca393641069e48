/* SPDX-License-Identifier: MIT */
/* Counts primes with a pool of C functions; a worker that is killed and a task
 * that takes too long harm nobody else:
 *   cc pool.c $(pkg-config --cflags --libs billiard) */
#include <billiard.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { WORKERS = 2, RANGES = 20, WIDTH = 5000 };
enum mode { COUNT, SPIN };

struct range {
  long first, last;
};

/* ---- in the workers ---- */

static int is_prime(long n) {
  if (n < 2) return 0;
  for (long d = 2; d * d <= n; d++)
    if (n % d == 0) return 0;
  return 1;
}

static int run(void *arg, const struct bl_worker_task *task,
               struct bl_buf *reply) {
  struct range r;
  long count = 0;
  char *to;
  (void)arg;
  memcpy(&r, task->bytes, sizeof r);
  while (task->mode == SPIN) count++;
  for (long n = r.first; n <= r.last; n++) count += is_prime(n);
  if (bl_buf_room(reply, sizeof count, &to) < 0) return 1;
  memcpy(to, &count, sizeof count);
  bl_buf_added(reply, sizeof count);
  return 0;
}

static const struct bl_worker_work work = {.run = run};

/* ---- in the program that has them ---- */

static int submit(struct bl_pool *pool, enum mode mode, long first) {
  struct range r = {first, first + WIDTH - 1};
  struct iovec part = {&r, sizeof r};
  struct bl_pool_task task = {.parts = &part,
                              .n = 1,
                              .mode = mode,
                              .hard_ns = BL_SECOND_NS / 2,
                              .attempts = 2};
  uint64_t ticket;
  return bl_pool_submit(pool, &task, &ticket);
}

static int hire(struct bl_pool *pool) {
  enum bl_step step;
  int r = bl_pool_hire(pool, &work, 0, &step);
  if (r < 0) printf("%s: %s\n", bl_step_text(step), bl_error_text(r));
  return r;
}

/* What a task came to; the primes it found. */
static long take_in(const struct bl_pool_event *e) {
  long count = 0;
  if (e->kind == BL_POOL_RESULT && e->size == sizeof count)
    memcpy(&count, e->bytes, sizeof count);
  if (e->kind == BL_POOL_LOST && e->why == BL_POOL_LIMIT)
    printf("one task took too long\n");
  return count;
}

/* The next event; 0 when there will be none. */
static int next(struct bl_pool *pool, struct bl_pool_event *e) {
  int r;
  while ((r = bl_pool_next(pool, e)) == 0)
    if (bl_pool_wait(pool, bl_deadline_ns(30 * BL_SECOND_NS)) < 0) return 0;
  return r > 0;
}

static long count_all(struct bl_pool *pool) {
  struct bl_pool_event e;
  long primes = 0;
  int ended = 0, killed = 0;
  while (ended < RANGES + 1 && next(pool, &e)) {
    primes += take_in(&e);
    ended += e.kind == BL_POOL_RESULT || e.kind == BL_POOL_LOST;
    if (e.kind == BL_POOL_GONE) {
      bl_process_free(e.process);
      if (hire(pool) < 0) return -1;
    } else if (ended > 5 && !killed) { /* what it does is done elsewhere */
      killed = bl_process_signal(e.process, SIGKILL) == 0;
    }
  }
  return primes;
}

static void dismiss(struct bl_pool *pool) {
  struct bl_pool_event e;
  struct bl_pool_worker w;
  int left = 0;
  for (int i = 0; i <= WORKERS; i++) {
    bl_pool_look(pool, i, &w);
    left += w.process != NULL;
    bl_pool_retire(pool, i);
  }
  while (left > 0 && next(pool, &e)) {
    if (e.kind != BL_POOL_GONE) continue;
    bl_process_free(e.process);
    left--;
  }
}

int main(void) {
  int error;
  struct bl_pool *pool = bl_pool_new(&error);
  for (int i = 0; pool && i < WORKERS; i++)
    if (hire(pool) < 0) return 1;
  if (!pool || submit(pool, SPIN, 0) < 0) return 1;
  for (long i = 0; i < RANGES; i++)
    if (submit(pool, COUNT, 1 + i * WIDTH) < 0) return 1;
  long primes = count_all(pool);
  printf("%ld primes up to %d\n", primes, RANGES * WIDTH);
  dismiss(pool);
  bl_pool_free(pool);
  return primes == 9592 ? 0 : 1;
}
