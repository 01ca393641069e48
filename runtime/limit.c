/* SPDX-License-Identifier: MIT */
#include "runtime/limit.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/signals.h"

enum { NAG_MS = 20, TERMINATE = 1, KIND_BITS = 8 };

/* The system calls: timer_create() is not on the list of what a handler may
 * call, the kernel's own is. */
struct kernel_timer {
  int made;
  int id;
};

static struct kernel_timer grace_timer, nag_timer;
static atomic_int requested, ending;
static void (*_Atomic poke_interpreter)(void);

int bl_limit_signal(void) { return SIGRTMIN + 7; }

union sigval bl_limit_terminate_value(int64_t grace_ns) {
  if (grace_ns < 0) grace_ns = 0;
  intptr_t ms = (intptr_t)(grace_ns / BL_MILLISECOND_NS);
  if (grace_ns % BL_MILLISECOND_NS) ms++;
  if (ms > INTPTR_MAX >> KIND_BITS) ms = INTPTR_MAX >> KIND_BITS;
  union sigval value = {.sival_ptr = (void *)(ms << KIND_BITS | TERMINATE)};
  return value;
}

static void timer_start(struct kernel_timer *t, int signo, int64_t first_ns,
                        int64_t every_ns) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signo};
  struct itimerspec when = {
      .it_value = {first_ns / BL_SECOND_NS, first_ns % BL_SECOND_NS},
      .it_interval = {every_ns / BL_SECOND_NS, every_ns % BL_SECOND_NS}};
  if (!t->made)
    t->made = syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &t->id) == 0;
  if (t->made) syscall(SYS_timer_settime, t->id, 0, &when, NULL);
}

static void begin(intptr_t value) {
  int64_t grace_ns = (int64_t)(value >> KIND_BITS) * BL_MILLISECOND_NS;
  /* 0 would disarm */
  timer_start(&grace_timer, SIGKILL, grace_ns ? grace_ns : 1, 0);
  if (atomic_exchange(&requested, 1) || atomic_load(&ending)) return;
  bl_interrupt_set(BL_INTERRUPT_TERMINATE);
  timer_start(&nag_timer, bl_limit_signal(), NAG_MS * BL_MILLISECOND_NS,
              NAG_MS * BL_MILLISECOND_NS);
}

static void on_signal(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)context;
  int saved = errno;
  intptr_t value = (intptr_t)info->si_value.sival_ptr;
  if (info->si_code == SI_QUEUE && (value & ((1 << KIND_BITS) - 1)) == TERMINATE)
    begin(value);
  if (bl_interrupt_peek() == BL_INTERRUPT_NONE)
    timer_start(&nag_timer, bl_limit_signal(), 0, 0);
  else if (poke_interpreter)
    poke_interpreter();
  errno = saved;
}

void bl_limit_listen(void) {
  /* timers are not inherited, nor is what was asked of the parent */
  grace_timer.made = nag_timer.made = 0;
  requested = ending = 0;
  poke_interpreter = NULL;
  bl_interrupt_take();
  bl_signals_catch(bl_limit_signal(), on_signal);
}

void bl_limit_poke(void (*poke)(void)) {
  poke_interpreter = poke;
  if (bl_interrupt_peek() != BL_INTERRUPT_NONE) poke();
}

void bl_limit_ending(void) {
  ending = 1;
  bl_interrupt_take();
}

int bl_limit_requested(void) { return requested; }
