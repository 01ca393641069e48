/* SPDX-License-Identifier: MIT */
/* Workers that are forks: what stands at the caller's when one could not be
 * made, and what becomes of one that is free. */
#include <sys/resource.h>

#include "runtime/error.h"
#include "runtime/hire.h"
#include "spec/native/check.h"

static struct bl_pool *pool;

static int twice(void *arg, const struct bl_worker_task *t,
                 struct bl_buf *reply) {
  char *to;
  (void)arg;
  for (int i = 0; i < 2; i++) {
    if (bl_buf_room(reply, t->size, &to) < 0) return 1;
    memcpy(to, t->bytes, t->size);
    bl_buf_added(reply, t->size);
  }
  return 40 + (int)t->mode;
}

static const struct bl_worker_work work = {.run = twice};

static int await(enum bl_pool_kind kind, struct bl_pool_event *e) {
  for (;;) {
    int r = bl_pool_next(pool, e);
    if (r == 1 && e->kind == kind) return 1;
    if (r < 0 || (r == 0 && bl_pool_wait(pool, CHECK_DEADLINE) < 0)) return 0;
  }
}

static void does_the_work(void) {
  int error;
  enum bl_step step;
  struct bl_pool_event e;
  struct iovec part = {(void *)(uintptr_t)"abc", 3};
  struct bl_pool_task t = {.parts = &part, .n = 1, .mode = 2, .attempts = 1};
  uint64_t ticket;
  pool = bl_pool_new(&error);
  NEED(pool);
  CHECK_INT(bl_pool_hire(pool, &work, 1, &step), 0);
  CHECK_INT(bl_pool_submit(pool, &t, &ticket), 0);
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, ticket);
  CHECK_INT(e.status, 42);
  CHECK_INT(e.size, 6);
  CHECK(memcmp(e.bytes, "abcabc", 6) == 0);
  NEED(await(BL_POOL_GONE, &e)); /* it was its last task */
  CHECK_INT(e.exit->code, 0);
  bl_process_free(e.process);
  pool = bl_pool_free(pool);
}

static void leaves_nothing_where_no_descriptor_is_left(void) {
  int error;
  enum bl_step step;
  struct rlimit old, few;
  pool = bl_pool_new(&error);
  NEED(pool);
  getrlimit(RLIMIT_NOFILE, &old);
  few = old;
  few.rlim_cur = 4;
  setrlimit(RLIMIT_NOFILE, &few);
  int r = bl_pool_hire(pool, &work, 0, &step);
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK_INT(r, -EMFILE);
  CHECK_INT(step, BL_STEP_PIPE);
  pool = bl_pool_free(pool);
}

/* A worker that nobody listens to any more finds its link closed. */
static void a_free_pool_frees_its_workers(void) {
  int error;
  enum bl_step step;
  struct bl_pool_worker w;
  pool = bl_pool_new(&error);
  NEED(pool);
  NEED(bl_pool_hire(pool, &work, 0, &step) == 0);
  bl_pool_look(pool, 0, &w);
  pool = bl_pool_free(pool);
  CHECK_INT(bl_process_join(w.process, CHECK_DEADLINE), 1);
  bl_process_free(w.process);
}

int main(void) {
  static const struct check_test tests[] = {
      {"a hired worker does the work, and leaves after its last task",
       does_the_work},
      {"where no descriptor is left nothing stays behind",
       leaves_nothing_where_no_descriptor_is_left},
      {"workers of a pool that was freed end", a_free_pool_frees_its_workers}};
  does_the_work(); /* what the library keeps for good is there now */
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
