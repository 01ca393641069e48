/* SPDX-License-Identifier: MIT */
#include "runtime/limit.h"

#include <errno.h>
#include <stdatomic.h>

#include "runtime/clock.h"
#include "runtime/signals.h"

enum { TERMINATE = 1, NAG, DUE, KIND_BITS = 8 };

#define NAG_NS (20 * BL_MILLISECOND_NS)

static struct bl_timer grace_timer, nag_timer;
static atomic_int requested, ending;
static void (*_Atomic poke_interpreter)(void);
static void (*_Atomic when_due)(void);

int bl_limit_signal(void) { return SIGRTMIN + 7; }

union sigval bl_limit_terminate_value(int64_t grace_ns) {
  if (grace_ns < 0) grace_ns = 0;
  intptr_t ms = (intptr_t)(grace_ns / BL_MILLISECOND_NS);
  if (grace_ns % BL_MILLISECOND_NS) ms++;
  if (ms > INTPTR_MAX >> KIND_BITS) ms = INTPTR_MAX >> KIND_BITS;
  union sigval value = {.sival_ptr = (void *)(ms << KIND_BITS | TERMINATE)};
  return value;
}

void bl_limit_interrupt(enum bl_interrupt what) {
  const struct bl_timer_signal nag = {bl_limit_signal(), NAG, 0};
  if (atomic_load(&ending)) return;
  bl_interrupt_set(what);
  bl_timer_start(&nag_timer, &nag, bl_deadline_ns(NAG_NS), NAG_NS);
}

/* What was given for ever was rounded up: it is more than there is. */
static int64_t grace_of(intptr_t value) {
  int64_t ms = (int64_t)(value >> KIND_BITS);
  return ms < BL_FOREVER / BL_MILLISECOND_NS ? ms * BL_MILLISECOND_NS
                                             : BL_FOREVER;
}

static void begin(intptr_t value) {
  static const struct bl_timer_signal kill = {SIGKILL, 0, 0};
  bl_timer_start(&grace_timer, &kill, bl_deadline_ns(grace_of(value)), 0);
  if (!atomic_exchange(&requested, 1))
    bl_limit_interrupt(BL_INTERRUPT_TERMINATE);
}

static void act(const siginfo_t *info) {
  intptr_t value = (intptr_t)info->si_value.sival_ptr;
  intptr_t kind = value & ((1 << KIND_BITS) - 1);
  if (info->si_code == SI_QUEUE && kind == TERMINATE) begin(value);
  if (info->si_code == SI_TIMER && kind == DUE && when_due) when_due();
}

static void on_signal(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)context;
  int saved = errno;
  act(info);
  if (bl_interrupt_peek() == BL_INTERRUPT_NONE) bl_timer_stop(&nag_timer);
  else if (poke_interpreter) poke_interpreter();
  errno = saved;
}

static void drop_all(void) {
  while (bl_interrupt_take() != BL_INTERRUPT_NONE) continue;
}

void bl_limit_listen(void) {
  /* timers are not inherited, nor is what was asked of the parent */
  grace_timer.made = nag_timer.made = 0;
  requested = ending = 0;
  poke_interpreter = when_due = NULL;
  drop_all();
  bl_signals_catch(bl_limit_signal(), on_signal);
}

void bl_limit_poke(void (*poke)(void)) {
  poke_interpreter = poke;
  if (bl_interrupt_peek() != BL_INTERRUPT_NONE) poke();
}

int bl_limit_due(void (*due)(void)) {
  return atomic_exchange(&when_due, due) == NULL;
}

struct bl_timer_signal bl_limit_due_signal(void) {
  return (struct bl_timer_signal){bl_limit_signal(), DUE, 1};
}

void bl_limit_ending(void) {
  ending = 1;
  drop_all();
}

int bl_limit_requested(void) { return requested; }
