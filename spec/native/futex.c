/* SPDX-License-Identifier: MIT */
#include "runtime/futex.h"

#include <signal.h>

#include "runtime/interrupt.h"
#include "runtime/shm.h"
#include "spec/native/check.h"

static struct bl_shm memory;
static _Atomic uint32_t *word;

static int open_word(void) {
  int r = bl_shm_new(&memory, "test", sizeof *word, sizeof *word);
  word = memory.at;
  return CHECK_INT(r, 0);
}

static void returns_at_once(void) {
  NEED(open_word());
  CHECK_INT(bl_futex_wait(word, 1, BL_FOREVER), 0); /* it is not 1 */
  CHECK_INT(bl_futex_wait(word, 0, 0), BL_ETIMEOUT);
  bl_interrupt_set(BL_INTERRUPT_TERMINATE);
  CHECK_INT(bl_futex_wait(word, 0, BL_FOREVER), BL_ETERMINATED);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_TERMINATE);
  bl_shm_drop(&memory);
}

static void sleeps_for_a_slice(void) {
  NEED(open_word());
  int64_t begun = bl_now_ns();
  CHECK_INT(bl_futex_wait(word, 0, BL_FOREVER), 0);
  CHECK(bl_now_ns() - begun >= BL_FUTEX_SLICE_NS);
  begun = bl_now_ns();
  int64_t deadline_ns = bl_deadline_ns(5 * BL_MILLISECOND_NS);
  while (bl_futex_wait(word, 0, deadline_ns) == 0) continue;
  int64_t took = bl_now_ns() - begun;
  CHECK(took >= 5 * BL_MILLISECOND_NS);
  bl_shm_drop(&memory);
}

/* Sleeps until the word changes, and counts the returns that were early. */
static int sleeper(void) {
  int64_t deadline_ns = CHECK_DEADLINE;
  while (*word == 0)
    if (bl_futex_wait(word, 0, deadline_ns) < 0) return 1;
  return 0;
}

static void is_woken(void) {
  pid_t pids[3];
  NEED(open_word());
  for (int i = 0; i < 3; i++)
    if ((pids[i] = fork()) == 0) _exit(sleeper());
  *word = 1;
  bl_futex_wake(word);
  for (int i = 0; i < 3; i++) {
    int status = -1;
    waitpid(pids[i], &status, 0);
    CHECK_INT(status, 0);
  }
  bl_shm_drop(&memory);
}

static void on_signal(int number) { (void)number; }

static void tells_of_a_signal(void) {
  NEED(open_word());
  struct sigaction how = {.sa_handler = on_signal}, before;
  sigaction(SIGALRM, &how, &before);
  int r = 0;
  ualarm(5000, 5000); /* again and again: one may come before it sleeps */
  for (int i = 0; i < 10000 && r == 0; i++)
    r = bl_futex_wait(word, 0, CHECK_DEADLINE);
  ualarm(0, 0);
  CHECK_INT(r, BL_EINTR);
  sigaction(SIGALRM, &before, NULL);
  bl_shm_drop(&memory);
}

CHECK_MAIN({"a wait that is over returns at once", returns_at_once},
           {"it sleeps for a slice, or until the deadline", sleeps_for_a_slice},
           {"all who sleep are woken", is_woken},
           {"a signal handler that ran is told of", tells_of_a_signal})
