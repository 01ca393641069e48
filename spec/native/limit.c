/* SPDX-License-Identifier: MIT */
/* Each test forks: what listens has a handler and timers for good. */
#include "runtime/limit.h"

#include <poll.h>

#include "runtime/interrupt.h"
#include "runtime/poll.h"
#include "spec/native/check.h"

/* Asks this process itself, as its owner would. */
static void request(int64_t grace_ns) {
  sigqueue(getpid(), bl_limit_signal(), bl_limit_terminate_value(grace_ns));
}

static int verdict(void) {
  if (check_why[0]) fprintf(stderr, "in the child: %s\n", check_why);
  return check_why[0] != '\0';
}

static int is_asked(void) {
  bl_limit_listen();
  CHECK(!bl_limit_requested());
  CHECK_INT(bl_interrupt_peek(), BL_INTERRUPT_NONE);
  request(60 * BL_SECOND_NS);
  CHECK(bl_limit_requested());
  CHECK_INT(bl_poll(NULL, 0, CHECK_DEADLINE), BL_ETERMINATED);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_TERMINATE);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_NONE);
  CHECK(bl_limit_requested());
  return verdict();
}

static void leaves_an_interrupt(void) {
  CHECK_INT(check_in_child(is_asked), 0);
}

/* The request has been handled before the call begins: what ends the call is
 * the repetition. */
static int blocks_after_the_request(void) {
  struct timespec ten = {10, 0};
  bl_limit_listen();
  request(60 * BL_SECOND_NS);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(ppoll(NULL, 0, &ten, NULL), -1);
    CHECK_INT(errno, EINTR);
  }
  return verdict();
}

static void repeats_until_taken(void) {
  CHECK_INT(check_in_child(blocks_after_the_request), 0);
}

/* One more signal may be under way; it ends the repetition. */
static int blocks_after_it_was_taken(void) {
  struct timespec half = {0, 500 * BL_MILLISECOND_NS};
  int interrupted = 0;
  bl_limit_listen();
  request(60 * BL_SECOND_NS);
  bl_interrupt_take();
  while (interrupted < 3 && ppoll(NULL, 0, &half, NULL) < 0) interrupted++;
  CHECK(interrupted <= 1);
  return verdict();
}

static void stops_once_taken(void) {
  CHECK_INT(check_in_child(blocks_after_it_was_taken), 0);
}

static int blocks_all_signals(void) {
  sigset_t all;
  bl_limit_listen();
  request(50 * BL_MILLISECOND_NS);
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  sleep(30);
  return 1;
}

static int stops_itself(void) {
  bl_limit_listen();
  request(50 * BL_MILLISECOND_NS);
  raise(SIGSTOP);
  return 1;
}

static int has_no_grace(void) {
  bl_limit_listen();
  request(0);
  sleep(30);
  sleep(30);
  return 1;
}

static void grace_kills(void) {
  CHECK_INT(check_in_child(blocks_all_signals), -SIGKILL);
  CHECK_INT(check_in_child(stops_itself), -SIGKILL);
  CHECK_INT(check_in_child(has_no_grace), -SIGKILL);
}

static int is_ending(void) {
  bl_limit_listen();
  bl_limit_ending();
  request(60 * BL_SECOND_NS);
  CHECK(bl_limit_requested());
  CHECK_INT(bl_interrupt_peek(), BL_INTERRUPT_NONE);
  return verdict();
}

static int ends_too_slowly(void) {
  bl_limit_listen();
  bl_limit_ending();
  request(50 * BL_MILLISECOND_NS);
  sleep(30);
  sleep(30);
  return 1;
}

static void ending_is_left_alone(void) {
  CHECK_INT(check_in_child(is_ending), 0);
  CHECK_INT(check_in_child(ends_too_slowly), -SIGKILL);
}

static int pokes;
static void count_poke(void) { pokes++; }

static int is_poked(void) {
  bl_limit_listen();
  bl_limit_poke(count_poke);
  CHECK_INT(pokes, 0);
  request(60 * BL_SECOND_NS);
  CHECK(pokes >= 1);
  return verdict();
}

static int is_poked_late(void) {
  bl_limit_listen();
  request(60 * BL_SECOND_NS);
  bl_limit_poke(count_poke);
  CHECK(pokes >= 1);
  return verdict();
}

static void pokes_the_interpreter(void) {
  CHECK_INT(check_in_child(is_poked), 0);
  CHECK_INT(check_in_child(is_poked_late), 0);
}

/* The signal alone, from somebody who knows nothing of us. */
static int is_only_signalled(void) {
  bl_limit_listen();
  raise(bl_limit_signal());
  CHECK(!bl_limit_requested());
  CHECK_INT(bl_interrupt_peek(), BL_INTERRUPT_NONE);
  return verdict();
}

static void bare_signal_is_no_request(void) {
  CHECK_INT(check_in_child(is_only_signalled), 0);
}

CHECK_MAIN({"a request leaves an interrupt, which is taken once",
            leaves_an_interrupt},
           {"the signal repeats: a call that began later ends too",
            repeats_until_taken},
           {"the signal stops once the interrupt is taken", stops_once_taken},
           {"the grace ends a child that is deaf or stopped", grace_kills},
           {"a child that is ending gets the timer and no interrupt",
            ending_is_left_alone},
           {"the interpreter is poked, also when it comes late",
            pokes_the_interpreter},
           {"the bare signal requests nothing", bare_signal_is_no_request})
