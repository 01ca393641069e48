/* SPDX-License-Identifier: MIT */
/* Workers that write anything anywhere: into the desk, into the rings, as
 * messages. They may lose what they were given, nothing else. */
#include "runtime/channel_impl.h"
#include "spec/native/troupe.h"

enum { HOSTILE = 40, TASKS = 60 };

static unsigned seed;

static int below(int n) { return (int)((unsigned)rand_r(&seed) % (unsigned)n); }

static void scribble(void *at, size_t size, int words) {
  for (int i = 0; i < words; i++) {
    size_t where = (size_t)rand_r(&seed) % (size / sizeof(uint64_t));
    uint64_t word = (uint64_t)rand_r(&seed) << (below(4) * 8);
    memcpy((char *)at + where * sizeof word, &word, sizeof word);
  }
}

/* A message like those of a worker, with anything in it. */
static void babble(struct bl_link *l) {
  struct bl_link_up up = {.kind = (uint32_t)below(8),
                          .flags = (uint32_t)below(4),
                          .number = (uint64_t)below(200),
                          .status = (uint32_t)below(3)};
  struct iovec part = {&up, (size_t)below((int)sizeof up + 1)};
  if (below(2)) part.iov_len = sizeof up;
  bl_channel_send(l->channel, &part, 1, NULL, 0, 0);
}

/* What it does until it is killed: a kind of malice each. */
static int misbehave(void *arg) {
  struct bl_link *ends = arg;
  struct bl_channel_memory *memory = ends[1].channel->memory.at;
  int kind = below(4);
  bl_link_drop(&ends[0]);
  if (kind != 3) bl_worker_up(&ends[1], 0, NULL, 0);
  for (int64_t end = bl_deadline_ns(BL_SECOND_NS / 50); bl_now_ns() < end;) {
    if (kind == 0) scribble(ends[1].desk.at, ends[1].desk.size, 50);
    if (kind == 1) scribble(memory, 4096, 5);
    if (kind == 2) scribble(memory, sizeof *memory, 500);
    babble(&ends[1]);
  }
  return 0;
}

static int add_hostile(void) {
  struct bl_link ends[2];
  struct bl_plan plan = {
      .body = misbehave, .arg = ends, .daemon = 1, .pgroup = 1};
  enum bl_step step;
  struct bl_process *process = bl_process_new();
  if (!process || bl_link_pair(&ends[0], &ends[1]) < 0) return -1;
  int r = bl_process_start(process, &plan, &step);
  bl_link_drop(&ends[1]);
  if (r < 0) return r;
  int worker = bl_pool_add(pool, process, &ends[0], 0);
  if (worker >= 0) processes[worker] = process;
  return worker;
}

/* All tasks end, each once: by a result, true or forged, or lost. */
static void await_all(uint64_t *tickets) {
  struct bl_pool_event e;
  for (int left = TASKS; left > 0;) {
    int r = bl_pool_next(pool, &e), found = 0;
    if (r == 0) NEED(bl_pool_wait(pool, CHECK_DEADLINE) > 0);
    if (r == 0) continue;
    NEED(r == 1);
    if (e.kind == BL_POOL_GONE) forget(&e);
    if (e.kind != BL_POOL_RESULT && e.kind != BL_POOL_LOST) continue;
    for (int i = 0; i < TASKS; i++) {
      found += tickets[i] == e.ticket;
      if (tickets[i] == e.ticket) tickets[i] = 0;
    }
    CHECK_INT(found, 1);
    left--;
  }
}

static void survives_any_worker(void) {
  static uint64_t tickets[TASKS];
  struct bl_pool_event e;
  NEED(begin(1));
  for (int round = 0; round < HOSTILE; round++) {
    seed = (unsigned)round;
    NEED(add_hostile() >= 0);
    for (int i = 0; i < TASKS; i++) NEED((tickets[i] = submit(SQUARE, i)) != 0);
    await_all(tickets);
    while (processes[1]) NEED(await(BL_POOL_GONE, &e));
  }
  uint64_t last = submit(SQUARE, 9);
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, last);
  CHECK_INT(value_of(&e), 81);
  end();
}

int main(void) {
  static const struct check_test tests[] = {
      {"a pool survives any worker", survives_any_worker}};
  if (begin(1)) end(); /* what the library keeps for good is there now */
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
