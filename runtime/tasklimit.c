/* SPDX-License-Identifier: MIT */
/* The handler of the soft timer runs between any two steps of begin and end,
 * but in this thread only. It trusts nothing but the task's own deadline: a
 * signal that is late, or early, or of a task of before, sets the timer anew or
 * does nothing. */
#include "runtime/tasklimit.h"

#include <signal.h>
#include <stdatomic.h>

#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/limit.h"
#include "runtime/timer.h"

static struct bl_timer soft_timer, hard_timer;

/* When the task's soft limit is, while it was not met; when the soft timer
 * comes at the latest. BL_FOREVER: never. */
static _Atomic int64_t soft_at_ns, soft_timer_ns;
static atomic_int soft_met;
static int hard_is_set;
static int64_t hard_timer_ns; /* when it comes, then */

/* Noted before it is set: it may come at once, and is over then. */
static void set_soft_timer(int64_t at_ns) {
  const struct bl_timer_signal due = bl_limit_due_signal();
  atomic_store(&soft_timer_ns, at_ns);
  bl_timer_start(&soft_timer, &due, at_ns, 0);
}

/* Runs in the signal handler. */
static void on_due(void) {
  int64_t at_ns = atomic_load(&soft_at_ns);
  atomic_store(&soft_timer_ns, BL_FOREVER);
  if (at_ns == BL_FOREVER) return;
  if (bl_now_ns() < at_ns) {
    set_soft_timer(at_ns);
    return;
  }
  atomic_store(&soft_at_ns, BL_FOREVER);
  atomic_store(&soft_met, 1);
  bl_limit_interrupt(BL_INTERRUPT_SOFT);
}

/* Timers are not inherited, and bl_limit_listen() forgets on_due. */
static void listen(void) {
  if (!bl_limit_due(on_due)) return;
  soft_timer = hard_timer = (struct bl_timer){0};
  soft_at_ns = soft_timer_ns = BL_FOREVER;
  hard_is_set = 0;
}

static void begin_hard(int64_t at_ns, int64_t late_ns) {
  static const struct bl_timer_signal kill = {SIGKILL, 0, 0};
  if (at_ns == BL_FOREVER) {
    bl_tasklimit_rest();
    return;
  }
  if (hard_is_set && hard_timer_ns >= at_ns && hard_timer_ns - at_ns <= late_ns)
    return;
  hard_is_set = 1;
  hard_timer_ns = at_ns + late_ns;
  bl_timer_start(&hard_timer, &kill, hard_timer_ns, 0);
}

void bl_tasklimit_begin(int64_t soft_ns, int64_t hard_ns, int64_t late_ns) {
  listen();
  atomic_store(&soft_met, 0);
  atomic_store(&soft_at_ns, soft_ns);
  if (soft_ns < atomic_load(&soft_timer_ns)) set_soft_timer(soft_ns);
  begin_hard(hard_ns, late_ns);
}

int bl_tasklimit_end(void) {
  atomic_store(&soft_at_ns, BL_FOREVER);
  bl_interrupt_drop(BL_INTERRUPT_SOFT);
  return atomic_load(&soft_met);
}

void bl_tasklimit_rest(void) {
  listen();
  if (!hard_is_set) return;
  bl_timer_stop(&hard_timer);
  hard_is_set = 0;
}
