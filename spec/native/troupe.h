/* SPDX-License-Identifier: MIT */
/* A pool of forked workers that do what a task's mode says, and the owner's
 * waiting for what comes of it. */
#ifndef TROUPE_H
#define TROUPE_H

#include <signal.h>
#include <sys/mman.h>

#include "runtime/pool.h"
#include "runtime/worker.h"
#include "spec/native/check.h"

enum { MOST = 8, WORKER_DONE = 7 /* exit status */ };

/* What a task is told to do. */
enum { SQUARE, WAIT, LEAVE, DIE, ECHO, RUBBISH };

struct work {
  int64_t value;
  int64_t times; /* of it, in a reply of ECHO */
};

/* Shared with the workers. */
struct stage {
  _Atomic int64_t runs, open; /* a WAIT task goes on once `open` is above it */
};
static struct stage *stage;

static struct bl_pool *pool;
static struct bl_process *processes[MOST];
static struct bl_exit gone_exit; /* of the last one that is gone */

/* ---- the worker ---- */

static int run(void *arg, const struct bl_worker_task *t, struct bl_buf *reply) {
  struct bl_link *link = arg;
  struct work w;
  char *to;
  memcpy(&w, t->bytes, sizeof w);
  stage->runs++;
  if (t->mode == WAIT)
    while (stage->open <= w.value) usleep(200);
  if (t->mode == LEAVE) _exit((int)w.value);
  if (t->mode == DIE) raise(SIGKILL);
  if (t->mode == RUBBISH) {
    struct iovec part = {(void *)(uintptr_t)"what?", 5};
    bl_channel_send(link->channel, &part, 1, NULL, 0, BL_FOREVER);
  }
  if (t->mode == SQUARE) w.value *= w.value;
  size_t n = t->mode == ECHO ? (size_t)w.times : 1;
  if (bl_buf_room(reply, n * sizeof w.value, &to) < 0) return 1;
  for (size_t i = 0; i < n; i++)
    memcpy(to + i * sizeof w.value, &w.value, sizeof w.value);
  bl_buf_added(reply, n * sizeof w.value);
  return 0;
}

static int serve(void *arg) {
  struct bl_link *ends = arg;
  struct bl_worker_work work = {.arg = &ends[1], .run = run};
  bl_link_drop(&ends[0]);
  bl_worker_up(&ends[1], 0, "up", 2);
  return bl_worker_serve(&ends[1], &work) == 0 ? WORKER_DONE : 1;
}

/* ---- the owner ---- */

static int add_limited(uint64_t max_tasks) {
  struct bl_link ends[2];
  struct bl_plan plan = {.body = serve, .arg = ends, .daemon = 1, .pgroup = 1};
  enum bl_step step;
  struct bl_process *process = bl_process_new();
  if (!process || bl_link_pair(&ends[0], &ends[1]) < 0 ||
      bl_process_start(process, &plan, &step) < 0)
    return -1;
  bl_link_drop(&ends[1]);
  int worker = bl_pool_add(pool, process, &ends[0], max_tasks);
  if (worker >= 0 && worker < MOST) processes[worker] = process;
  return worker;
}

static int add(void) { return add_limited(0); }

static int begin(int workers) {
  int error;
  if (!stage)
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  stage->runs = stage->open = 0;
  memset(processes, 0, sizeof processes);
  pool = bl_pool_new(&error);
  for (int i = 0; pool && i < workers; i++)
    if (add() != i) return 0;
  return pool != NULL;
}

static uint64_t submit_some(unsigned mode, int64_t value, int64_t times,
                            unsigned attempts) {
  struct work w = {value, times};
  struct iovec part = {&w, sizeof w};
  struct bl_pool_task t = {
      .parts = &part, .n = 1, .mode = mode, .attempts = attempts};
  uint64_t ticket = 0;
  return bl_pool_submit(pool, &t, &ticket) == 0 ? ticket : 0;
}

static uint64_t submit(unsigned mode, int64_t value) {
  return submit_some(mode, value, 1, 1);
}

static void forget(const struct bl_pool_event *e) {
  gone_exit = *e->exit;
  bl_process_free(e->process);
  processes[e->worker] = NULL;
}

/* The next event of that kind; 0: none came in time. */
static int await(enum bl_pool_kind kind, struct bl_pool_event *e) {
  for (;;) {
    int r = bl_pool_next(pool, e);
    if (r == 0) r = bl_pool_wait(pool, CHECK_DEADLINE) > 0 ? 0 : -1;
    if (r < 0) return 0;
    if (r == 1 && e->kind == BL_POOL_GONE) forget(e);
    if (r == 1 && e->kind == kind) return 1;
  }
}

static int64_t value_of(const struct bl_pool_event *e) {
  int64_t value = -1;
  if (e->size >= sizeof value) memcpy(&value, e->bytes, sizeof value);
  return value;
}

static void end(void) {
  struct bl_pool_event e;
  int left = 0;
  for (int i = 0; i < MOST; i++) {
    left += processes[i] != NULL;
    if (processes[i]) bl_pool_kill(pool, i);
  }
  while (left > 0 && CHECK(await(BL_POOL_GONE, &e))) left--;
  pool = bl_pool_free(pool);
}

#endif
