/* SPDX-License-Identifier: MIT */
/* Pools of C functions: where each task ends, whatever becomes of workers. */
#include "spec/native/troupe.h"

/* Waits until the task was started. */
static int await_start(uint64_t ticket) {
  int64_t since, end = CHECK_DEADLINE;
  struct bl_pool_event e;
  while (bl_pool_started(pool, ticket, &since) < 0) {
    if (bl_now_ns() > end) return -1;
    bl_pool_wait(pool, bl_deadline_ns(BL_MILLISECOND_NS));
    if (bl_pool_next(pool, &e) == 1 && e.kind != BL_POOL_UP) return -1;
  }
  return bl_pool_started(pool, ticket, &since);
}

/* ---- tests ---- */

static void does_each_task_once(void) {
  enum { N = 20000 };
  static int64_t value[N];
  static uint64_t ticket[N];
  struct bl_pool_event e;
  NEED(begin(2));
  for (int i = 0; i < N; i++) {
    ticket[i] = submit(SQUARE, i);
    value[i] = -1;
  }
  for (int i = 0; i < N; i++) {
    NEED(await(BL_POOL_RESULT, &e));
    int k = 0;
    for (k = 0; k < N && ticket[k] != e.ticket; k++) continue;
    NEED(k < N);
    ticket[k] = 0;
    value[k] = value_of(&e);
    if (i % 100) continue;
    CHECK(e.since_ns > 0 && e.since_ns <= bl_now_ns());
  }
  for (int i = 0; i < N; i++) CHECK_INT(value[i], (int64_t)i * i);
  CHECK_INT(stage->runs, N);
  CHECK_INT(bl_pool_backlog(pool) + bl_pool_underway(pool), 0);
  end();
}

static void loses_only_what_was_started(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  uint64_t first = submit(WAIT, 1), second = submit(SQUARE, 3);
  NEED(await_start(first) == 0);
  kill(bl_process_pid(processes[0]), SIGKILL);
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.ticket, first);
  CHECK_INT(e.why, BL_POOL_DIED);
  CHECK_INT(e.exit->code, SIGKILL);
  CHECK(e.since_ns > 0);
  NEED(await(BL_POOL_GONE, &e));
  NEED(add() >= 0);
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, second);
  CHECK_INT(value_of(&e), 9);
  CHECK_INT(stage->runs, 2);
  end();
}

static void tells_how_a_worker_left(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  submit(LEAVE, 3);
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.exit->how, BL_HOW_EXITED);
  CHECK_INT(e.exit->code, 3);
  end();
}

static void does_again_what_may_be_done_again(void) {
  struct bl_pool_event e;
  NEED(begin(3));
  uint64_t ticket = submit_some(DIE, 0, 1, 3);
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.ticket, ticket);
  CHECK_INT(stage->runs, 3);
  end();
}

static void takes_back_what_waits(void) {
  struct bl_pool_event e;
  int64_t since;
  NEED(begin(1));
  uint64_t first = submit(WAIT, 1), second = submit(SQUARE, 2);
  NEED(await_start(first) == 0);
  CHECK_INT(bl_pool_started(pool, second, &since), -1);
  CHECK_INT(bl_pool_cancel(pool, second), 1);
  CHECK_INT(bl_pool_cancel(pool, second), 0);
  CHECK_INT(bl_pool_cancel(pool, first), 0);
  stage->open = 2;
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, first);
  CHECK_INT(bl_pool_cancel(pool, first), 0);
  CHECK_INT(stage->runs, 1);
  end();
}

static void gives_what_waits_to_who_has_nothing_to_do(void) {
  enum { N = 20 };
  struct bl_pool_event e;
  NEED(begin(2));
  for (int i = 0; i < 2; i++) NEED(await(BL_POOL_UP, &e));
  uint64_t slow = submit(WAIT, 5);
  for (int i = 0; i < N; i++) submit(SQUARE, i);
  for (int i = 0; i < N; i++) {
    NEED(await(BL_POOL_RESULT, &e));
    CHECK(e.ticket != slow);
  }
  stage->open = 6;
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, slow);
  end();
}

static void kills_the_task_it_is_told_to(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  uint64_t first = submit(WAIT, 1), second = submit(SQUARE, 2);
  NEED(await_start(first) == 0);
  CHECK_INT(bl_pool_terminate(pool, second, 0), 0);
  CHECK_INT(bl_pool_terminate(pool, first, 0), 1);
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.ticket, first);
  CHECK_INT(e.why, BL_POOL_TERMINATED);
  NEED(await(BL_POOL_GONE, &e));
  NEED(add() >= 0);
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, second);
  CHECK_INT(bl_pool_terminate(pool, second, 0), 0);
  end();
}

/* The signal is ignored: the task goes on to its end, which is too late. */
static void ends_a_doomed_task_at_its_end(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  uint64_t ticket = submit(WAIT, 1);
  NEED(await_start(ticket) == 0);
  CHECK_INT(bl_pool_terminate(pool, ticket, SIGWINCH), 1);
  stage->open = 2;
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.why, BL_POOL_TERMINATED);
  end();
}

/* The first signal did nothing, and the task goes on. */
static void kills_a_doomed_task_that_goes_on(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  uint64_t ticket = submit(WAIT, 1);
  NEED(await_start(ticket) == 0);
  CHECK_INT(bl_pool_terminate(pool, ticket, SIGWINCH), 1);
  CHECK_INT(bl_pool_terminate(pool, ticket, 0), 1);
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.why, BL_POOL_TERMINATED);
  CHECK_INT(stage->open, 0);
  end();
}

static void delivers_what_was_written_before_the_end(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  NEED(await(BL_POOL_UP, &e));
  for (int i = 0; i < 5; i++) submit(SQUARE, i);
  uint64_t last = submit(DIE, 0);
  NEED(bl_process_join(processes[0], CHECK_DEADLINE) == 1);
  for (int i = 0; i < 5; i++) {
    NEED(await(BL_POOL_RESULT, &e));
    CHECK_INT(value_of(&e), (int64_t)i * i);
  }
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.ticket, last);
  end();
}

static void kills_who_sends_rubbish(void) {
  struct bl_pool_event e;
  NEED(begin(1));
  uint64_t ticket = submit(RUBBISH, 0);
  NEED(await(BL_POOL_LOST, &e));
  CHECK_INT(e.ticket, ticket);
  CHECK_INT(e.why, BL_POOL_RUBBISH);
  end();
}

static void lets_a_worker_leave_when_it_is_done(void) {
  struct bl_pool_event e;
  struct bl_pool_worker w;
  NEED(begin(1));
  uint64_t ticket = submit(WAIT, 1), other = submit(SQUARE, 4);
  NEED(await_start(ticket) == 0);
  bl_pool_retire(pool, 0);
  bl_pool_look(pool, 0, &w);
  CHECK_INT(w.retired, 1);
  CHECK_INT(w.ticket, ticket);
  CHECK_INT(w.waiting, 0);
  CHECK_INT(bl_pool_backlog(pool), 1);
  stage->open = 2;
  NEED(await(BL_POOL_RESULT, &e));
  NEED(await(BL_POOL_GONE, &e));
  CHECK_INT(gone_exit.code, WORKER_DONE);
  CHECK_INT(e.done, 1);
  NEED(add() == 0);
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(e.ticket, other);
  end();
}

static void gives_a_worker_no_more_than_it_may_do(void) {
  enum { N = 10 };
  struct bl_pool_event e;
  NEED(begin(0));
  NEED(add_limited(3) == 0);
  for (int i = 0; i < N; i++) submit(SQUARE, i);
  for (int done = 0; done < N;) {
    int r = bl_pool_next(pool, &e);
    if (r == 0) NEED(bl_pool_wait(pool, CHECK_DEADLINE) > 0);
    if (r == 0) continue;
    if (e.kind == BL_POOL_RESULT) done++;
    if (e.kind == BL_POOL_SPENT) NEED(add_limited(3) >= 0);
    if (e.kind == BL_POOL_GONE) {
      CHECK_INT(e.done, 3);
      CHECK_INT(e.exit->code, WORKER_DONE);
      forget(&e);
    }
  }
  end();
}

static void carries_what_is_large(void) {
  enum { TIMES = 4 << 20 };
  struct bl_pool_event e;
  NEED(begin(1));
  submit_some(ECHO, 77, TIMES, 1);
  submit_some(ECHO, 78, TIMES, 1);
  for (int i = 0; i < 2; i++) {
    NEED(await(BL_POOL_RESULT, &e));
    CHECK_INT(e.size, TIMES * sizeof(int64_t));
    CHECK_INT(value_of(&e), 77 + i);
  }
  end();
}

/* It would be listed as idle once for each death: memory's end tells. */
static void forgets_an_idle_worker_that_died(void) {
  enum { TIMES = 64 };
  struct bl_pool_event e;
  NEED(begin(1));
  for (int i = 0; i < TIMES; i++) {
    NEED(await(BL_POOL_UP, &e));
    bl_pool_kill(pool, e.worker);
    NEED(await(BL_POOL_GONE, &e));
    NEED(add() == 0);
  }
  submit(SQUARE, 7);
  NEED(await(BL_POOL_RESULT, &e));
  CHECK_INT(value_of(&e), 49);
  end();
}

/* Workers are killed and stopped at random while many tasks go on. */
static void ends_each_task_once_whoever_dies(void) {
  enum { N = 20000 };
  int done = 0, lost = 0, kills = 0;
  struct bl_pool_event e;
  unsigned seed = 11;
  NEED(begin(4));
  static unsigned char seen[N + 1];
  memset(seen, 0, sizeof seen);
  static uint64_t ticket[N];
  for (int i = 0; i < N; i++) NEED((ticket[i] = submit(SQUARE, i)) != 0);
  while (done + lost < N) {
    int r = bl_pool_next(pool, &e);
    if (r == 0) NEED(bl_pool_wait(pool, CHECK_DEADLINE) > 0);
    if (r == 0) continue;
    NEED(r == 1);
    if (e.kind == BL_POOL_RESULT || e.kind == BL_POOL_LOST) {
      int k = (int)(e.ticket & UINT32_MAX); /* indices are given in a row */
      NEED(k >= 1 && k <= N && ticket[k - 1] == e.ticket);
      CHECK_INT(seen[k]++, 0);
      done += e.kind == BL_POOL_RESULT;
      lost += e.kind == BL_POOL_LOST;
      if (rand_r(&seed) % 100 == 0) {
        int victim = rand_r(&seed) % 4;
        if (processes[victim]) {
          kill(bl_process_pid(processes[victim]), SIGKILL);
          kills++;
        }
      }
    }
    if (e.kind == BL_POOL_GONE) {
      forget(&e);
      NEED(add() >= 0);
    }
  }
  CHECK(kills > 20);
  CHECK(lost <= kills);
  CHECK(stage->runs >= N - lost && stage->runs <= N);
  end();
}

/* What the library keeps open for good is open before the first count. */
static void warm_up(void) {
  if (begin(1)) end();
}

int main(void) {
  static const struct check_test tests[] = {
      {"does each task once", does_each_task_once},
      {"loses only what a dead worker had started",
       loses_only_what_was_started},
      {"tells how a worker left", tells_how_a_worker_left},
      {"does again what may be done again", does_again_what_may_be_done_again},
      {"takes back what waits, and nothing else", takes_back_what_waits},
      {"gives what waits to a worker with nothing to do",
       gives_what_waits_to_who_has_nothing_to_do},
      {"kills the task it is told to, and no other",
       kills_the_task_it_is_told_to},
      {"ends a doomed task at its end", ends_a_doomed_task_at_its_end},
      {"kills a doomed task that goes on", kills_a_doomed_task_that_goes_on},
      {"delivers what was written before the end",
       delivers_what_was_written_before_the_end},
      {"kills a worker that sends rubbish", kills_who_sends_rubbish},
      {"lets a worker leave when it is done",
       lets_a_worker_leave_when_it_is_done},
      {"gives a worker no more tasks than it may do",
       gives_a_worker_no_more_than_it_may_do},
      {"carries what is large", carries_what_is_large},
      {"forgets an idle worker that died", forgets_an_idle_worker_that_died},
      {"ends each task once, whoever dies", ends_each_task_once_whoever_dies}};
  warm_up();
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
