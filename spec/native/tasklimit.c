/* SPDX-License-Identifier: MIT */
/* Each test forks: what has limits has a handler and timers for good. */
#include "runtime/tasklimit.h"

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "runtime/interrupt.h"
#include "runtime/limit.h"
#include "runtime/poll.h"
#include "spec/native/check.h"

#define SOON (20 * BL_MILLISECOND_NS)
#define NEVER BL_FOREVER

static int64_t in(int64_t ns) { return bl_deadline_ns(ns); }

static int verdict(void) {
  if (check_why[0]) fprintf(stderr, "in the child: %s\n", check_why);
  return check_why[0] != '\0';
}

/* How often the calling process is interrupted in a sleep of that long. */
static int interruptions(int64_t ns) {
  int n = 0;
  int64_t until_ns = in(ns);
  for (int64_t left; (left = until_ns - bl_now_ns()) > 0;) {
    struct timespec t = {left / BL_SECOND_NS, left % BL_SECOND_NS};
    if (ppoll(NULL, 0, &t, NULL) < 0) n++;
  }
  return n;
}

/* Looks, without a call, until a soft limit is met. */
static int meets_soft(void) {
  int64_t deadline_ns = in(10 * BL_SECOND_NS);
  while (bl_interrupt_peek() != BL_INTERRUPT_SOFT)
    if (bl_now_ns() > deadline_ns) return 0;
  return 1;
}

/* ---- hard ---- */

static int loops(void) {
  bl_limit_listen();
  bl_tasklimit_begin(NEVER, in(SOON), 0);
  meets_soft();
  return 1;
}

static int stops_itself(void) {
  bl_limit_listen();
  bl_tasklimit_begin(NEVER, in(SOON), 0);
  raise(SIGSTOP);
  return 1;
}

static int blocks_all_signals(void) {
  sigset_t all;
  bl_limit_listen();
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  bl_tasklimit_begin(NEVER, in(SOON), 0);
  sleep(30);
  return 1;
}

static int is_late_already(void) {
  bl_limit_listen();
  bl_tasklimit_begin(NEVER, bl_now_ns() - BL_SECOND_NS, 0);
  sleep(30);
  return 1;
}

static void hard_kills(void) {
  int64_t start_ns = bl_now_ns();
  CHECK_INT(check_in_child(loops), -SIGKILL);
  CHECK_INT(check_in_child(stops_itself), -SIGKILL);
  CHECK_INT(check_in_child(blocks_all_signals), -SIGKILL);
  CHECK(bl_now_ns() - start_ns >= 3 * SOON);
  CHECK_INT(check_in_child(is_late_already), -SIGKILL);
}

/* Each task is shorter than its limit, all together are longer. */
static int does_many(void) {
  int64_t until_ns = in(30 * SOON);
  bl_limit_listen();
  while (bl_now_ns() < until_ns) {
    bl_tasklimit_begin(NEVER, in(20 * SOON), 0);
    bl_tasklimit_end();
  }
  bl_tasklimit_rest();
  return 0;
}

/* ... and one that is over its own. */
static int is_over_at_last(void) {
  does_many();
  bl_tasklimit_begin(NEVER, in(SOON), 0);
  sleep(30);
  return 1;
}

/* The same with limits that may be late. */
static int does_many_late(void) {
  int64_t until_ns = in(30 * SOON);
  bl_limit_listen();
  while (bl_now_ns() < until_ns) {
    bl_tasklimit_begin(NEVER, in(20 * SOON), SOON);
    bl_tasklimit_end();
  }
  return 0;
}

/* The timer of before would come later than this one may be late. */
static int is_over_before(void) {
  bl_limit_listen();
  bl_tasklimit_begin(NEVER, in(600 * SOON), SOON);
  bl_tasklimit_end();
  bl_tasklimit_begin(NEVER, in(SOON), SOON);
  sleep(10);
  return 1;
}

static void next_begin_moves_hard(void) {
  CHECK_INT(check_in_child(does_many), 0);
  CHECK_INT(check_in_child(is_over_at_last), -SIGKILL);
  CHECK_INT(check_in_child(does_many_late), 0);
  CHECK_INT(check_in_child(is_over_before), -SIGKILL);
}

static int rests(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), in(2 * SOON), 0);
  bl_tasklimit_end();
  bl_tasklimit_rest();
  CHECK(interruptions(5 * SOON) <= 1); /* the soft timer's, for nothing */
  CHECK_INT(bl_interrupt_peek(), BL_INTERRUPT_NONE);
  return verdict();
}

static int has_no_limit(void) {
  bl_limit_listen();
  bl_tasklimit_begin(NEVER, in(2 * SOON), 0);
  bl_tasklimit_end();
  bl_tasklimit_begin(NEVER, NEVER, 0);
  CHECK_INT(interruptions(5 * SOON), 0);
  return verdict();
}

static void hard_is_gone_after_rest(void) {
  CHECK_INT(check_in_child(rests), 0);
  CHECK_INT(check_in_child(has_no_limit), 0);
}

static int is_soft(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), NEVER, 0);
  CHECK(meets_soft());
  return verdict();
}

/* A process that has limits forks one that has limits, too. */
static int forks(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), in(60 * BL_SECOND_NS), 0);
  bl_tasklimit_end();
  CHECK_INT(check_in_child(does_many), 0);
  CHECK_INT(check_in_child(loops), -SIGKILL);
  CHECK_INT(check_in_child(rests), 0);
  CHECK_INT(check_in_child(is_soft), 0);
  return verdict();
}

static void is_not_inherited(void) { CHECK_INT(check_in_child(forks), 0); }

/* ---- soft ---- */

static int pokes;
static void count_poke(void) { pokes++; }

static int is_interrupted(void) {
  bl_limit_listen();
  bl_limit_poke(count_poke);
  for (int i = 0; i < 3; i++) {
    int64_t soft_ns = in(SOON);
    pokes = 0;
    bl_tasklimit_begin(soft_ns, NEVER, 0);
    int64_t deadline_ns = in(10 * BL_SECOND_NS);
    int r;
    while ((r = bl_poll(NULL, 0, deadline_ns)) == BL_EINTR) continue;
    CHECK_INT(r, BL_ESOFT);
    CHECK(bl_now_ns() >= soft_ns);
    CHECK(pokes > 0);
    CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_SOFT);
    CHECK_INT(bl_poll(NULL, 0, in(5 * SOON)) == BL_ESOFT, 0);
    CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_NONE);
    CHECK_INT(bl_tasklimit_end(), 1);
    CHECK_INT(bl_tasklimit_end(), 1);
  }
  bl_tasklimit_begin(in(60 * BL_SECOND_NS), NEVER, 0);
  CHECK_INT(bl_tasklimit_end(), 0);
  return verdict();
}

static void soft_comes_once(void) {
  CHECK_INT(check_in_child(is_interrupted), 0);
}

/* The limit is met before the call begins: what ends the call is the
 * repetition. */
static int blocks_late(void) {
  struct timespec ten = {10, 0};
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), NEVER, 0);
  CHECK(meets_soft());
  CHECK_INT(ppoll(NULL, 0, &ten, NULL), -1);
  CHECK_INT(ppoll(NULL, 0, &ten, NULL), -1);
  bl_tasklimit_end();
  bl_tasklimit_rest();
  CHECK(interruptions(5 * SOON) <= 1); /* which ends the repetition */
  return verdict();
}

static void soft_repeats_until_taken(void) {
  CHECK_INT(check_in_child(blocks_late), 0);
}

static int tightens_and_loosens(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(60 * BL_SECOND_NS), NEVER, 0); /* runs on */
  bl_tasklimit_end();
  bl_tasklimit_begin(in(SOON), NEVER, 0); /* earlier than what runs */
  CHECK(meets_soft());
  bl_tasklimit_end();
  bl_tasklimit_begin(in(SOON), NEVER, 0);
  bl_tasklimit_end();
  int64_t soft_ns = in(5 * SOON); /* later than what runs */
  bl_tasklimit_begin(soft_ns, NEVER, 0);
  CHECK(meets_soft());
  CHECK(bl_now_ns() >= soft_ns);
  return verdict();
}

static void soft_is_the_task_of_now(void) {
  CHECK_INT(check_in_child(tightens_and_loosens), 0);
}

/* Tasks that take about as long as they may. Who meets an interrupt has met
 * its own limit, and nobody meets one between two tasks. */
static int does_ten_thousand(void) {
  enum { TASKS = 10000, WIDTH_NS = 64000 };
  int met = 0, taken = 0;
  unsigned random = 1;
  bl_limit_listen();
  for (int i = 0; i < TASKS; i++) {
    random = random * 1103515245 + 12345;
    int64_t start_ns = bl_now_ns();
    int64_t soft_ns = start_ns + 10000 + (random >> 8) % WIDTH_NS;
    int64_t until_ns = start_ns + WIDTH_NS / 2;
    int mine = 0;
    bl_tasklimit_begin(soft_ns, in(60 * BL_SECOND_NS), 0);
    while (!mine && bl_now_ns() < until_ns)
      mine = bl_interrupt_take() == BL_INTERRUPT_SOFT;
    if (mine) CHECK(bl_now_ns() >= soft_ns);
    int over = bl_tasklimit_end();
    CHECK(over || !mine);
    CHECK_INT(bl_interrupt_peek(), BL_INTERRUPT_NONE);
    met += over;
    taken += mine;
  }
  CHECK(met < TASKS && taken > 0);
  return verdict();
}

static void soft_never_hits_a_successor(void) {
  CHECK_INT(check_in_child(does_ten_thousand), 0);
}

/* ---- both kinds of interrupt ---- */

static void request(void) {
  int64_t deadline_ns = CHECK_DEADLINE;
  sigqueue(getpid(), bl_limit_signal(),
           bl_limit_terminate_value(60 * BL_SECOND_NS));
  while (!bl_limit_requested() && bl_now_ns() < deadline_ns) poll(NULL, 0, 1);
}

static int is_asked_at_its_limit(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), NEVER, 0);
  CHECK(meets_soft());
  request();
  CHECK_INT(bl_poll(NULL, 0, CHECK_DEADLINE), BL_ETERMINATED);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_TERMINATE);
  CHECK_INT(bl_poll(NULL, 0, CHECK_DEADLINE), BL_ESOFT);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_SOFT);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_NONE);
  return verdict();
}

static int is_asked_and_done(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), NEVER, 0);
  CHECK(meets_soft());
  request();
  CHECK_INT(bl_tasklimit_end(), 1);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_TERMINATE);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_NONE);
  return verdict();
}

static int is_ending(void) {
  bl_limit_listen();
  bl_tasklimit_begin(in(SOON), NEVER, 0);
  bl_limit_ending();
  CHECK(interruptions(5 * SOON) >= 1);
  CHECK_INT(bl_interrupt_peek(), BL_INTERRUPT_NONE);
  return verdict();
}

static void soft_and_terminate_are_two(void) {
  CHECK_INT(check_in_child(is_asked_at_its_limit), 0);
  CHECK_INT(check_in_child(is_asked_and_done), 0);
  CHECK_INT(check_in_child(is_ending), 0);
}

CHECK_MAIN({"a hard limit kills what loops, is stopped or blocks all signals",
            hard_kills},
           {"the next begin moves a hard limit", next_begin_moves_hard},
           {"a hard limit is gone after a rest, and for a task without",
            hard_is_gone_after_rest},
           {"limits are not inherited", is_not_inherited},
           {"a soft limit leaves one interrupt for each begin",
            soft_comes_once},
           {"the signal repeats until the interrupt is taken",
            soft_repeats_until_taken},
           {"a soft limit is that of the task of now, earlier or later",
            soft_is_the_task_of_now},
           {"ten thousand quick tasks never meet a predecessor's limit",
            soft_never_hits_a_successor},
           {"a soft limit and a request to end do not hide each other",
            soft_and_terminate_are_two})
