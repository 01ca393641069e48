/* SPDX-License-Identifier: MIT */
#include "runtime/spin.h"

#include <sched.h>
#include <stdatomic.h>

#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/pause.h"

enum {
  PROBE = 16,
  WEIGHT = 8, /* of the mean */
  SHARE = 16, /* of all waiting pays debts */
  LOOKS = 32  /* between two looks at the clock */
};

#define LONGEST_NS BL_MILLISECOND_NS
#define WORST_DEBT_NS (10 * BL_MILLISECOND_NS)

static int is_worth_it(struct bl_spin *s) {
  if (s->debt_ns > 0) return 0;
  return s->mean_ns < 2 * BL_SPIN_NS || ++s->waits % PROBE == 0;
}

uint32_t bl_spin_cpu(void) { return (uint32_t)sched_getcpu() + 1; }

static int shares_cpu(const struct bl_spin_look *look) {
  return look->peer && atomic_load_explicit(look->peer, memory_order_relaxed) ==
                           bl_spin_cpu();
}

/* One round; the peer must get where it can write. */
static int look_on(const struct bl_spin_look *look) {
  int shared = shares_cpu(look);
  for (int i = 0; i < (shared ? 1 : LOOKS); i += look->stride) {
    if (look->seen(look->what)) return 1;
    if (shared) sched_yield();
    for (int k = 0; !shared && k < look->stride; k++) bl_pause();
  }
  return 0;
}

int bl_spin(struct bl_spin *s, const struct bl_spin_look *look,
            int64_t deadline_ns) {
  s->spun_ns = 0;
  if (!is_worth_it(s)) return 0;
  int64_t start = bl_now_ns(), now = start;
  int hit = 0;
  while (!hit && now - start < look->bound_ns && now < deadline_ns &&
         bl_interrupt_peek() == BL_INTERRUPT_NONE) {
    hit = look_on(look);
    now = bl_now_ns();
  }
  s->spun_ns = now - start;
  return hit;
}

/* A spin that took far longer than it should lost its CPU to others: a
 * sleeper would have been woken. */
void bl_spin_learn(struct bl_spin *s, int64_t waited_ns, int hit) {
  if (!hit || s->spun_ns > 4 * BL_SPIN_NS) s->debt_ns += s->spun_ns;
  if (s->debt_ns > WORST_DEBT_NS) s->debt_ns = WORST_DEBT_NS;
  s->debt_ns -= waited_ns / SHARE;
  if (s->debt_ns < 0) s->debt_ns = 0;
  if (waited_ns > LONGEST_NS) waited_ns = LONGEST_NS;
  s->mean_ns += (waited_ns - s->mean_ns) / WEIGHT;
}
