/* SPDX-License-Identifier: MIT */
#include "runtime/spin.h"

#include "runtime/clock.h"
#include "runtime/cpu.h"

enum { PROBE = 16, WEIGHT = 8, MOST_SKIPPED = 32 };

#define BOUND_NS INT64_C(50000)
#define LONGEST_NS BL_MILLISECOND_NS

/* Asked of the system once. */
static int is_alone(void) {
  static _Atomic int cpus;
  if (cpus == 0) {
    int n = bl_cpu_usable();
    cpus = n < 1 ? 1 : n;
  }
  return cpus == 1;
}

int64_t bl_spin_bound(struct bl_spin *s) {
  if (s->left > 0) {
    s->left--;
    return 0;
  }
  if (s->mean_ns >= 2 * BOUND_NS && ++s->waits % PROBE != 0) return 0;
  return is_alone() ? 0 : BOUND_NS;
}

void bl_spin_learn(struct bl_spin *s, int64_t waited_ns, int64_t bound_ns,
                   int hit) {
  if (waited_ns > LONGEST_NS) waited_ns = LONGEST_NS;
  s->mean_ns += (waited_ns - s->mean_ns) / WEIGHT;
  if (bound_ns == 0) return;
  if (hit) {
    s->skip = 0;
    return;
  }
  s->left = s->skip = s->skip == 0               ? 1
                      : s->skip < MOST_SKIPPED ? 2 * s->skip
                                               : MOST_SKIPPED;
}
