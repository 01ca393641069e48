/* SPDX-License-Identifier: MIT */
/* Looking again and again before sleeping, where that pays.
 *
 * To wake a CPU costs tens of microseconds, to see what another CPU wrote a
 * fraction of one. So a wait begins with a spin of at most 50 us where waits
 * were short lately. What spins that saw nothing have cost is a debt, which a
 * sixteenth of all waiting pays off; until then nobody spins. A spinner that
 * shares its CPU with the peer leaves it to the peer at each look.
 *
 *   1. bl_spin(): 1 when there is something to see; else sleep
 *   2. bl_spin_learn(): how long all of the wait was
 *
 * Zero-initialised is fresh. */
#ifndef BILLIARD_SPIN_H
#define BILLIARD_SPIN_H

#include "runtime/base.h"

struct bl_spin {
  int64_t mean_ns; /* of waits, moving */
  int64_t debt_ns;
  int64_t spun_ns; /* by the last bl_spin() */
  unsigned waits;  /* where the mean is too long: each 16th probes */
};

/* What to look at: seen(what), and where the peer ran when it last wrote,
 * which is a bl_spin_cpu() of its; null where there are many. Each look takes
 * memory from who writes it: with a stride of many pauses between two of them,
 * much is there at the next. */
struct bl_spin_look {
  int (*seen)(const void *what);
  const void *what;
  const _Atomic uint32_t *peer;
  int stride; /* 1 and more */
  int64_t bound_ns;
};

/* The bound where a look says where its peer runs; and where it does not, and
 * a spinner may keep the CPU from just whom it waits for. */
#define BL_SPIN_NS INT64_C(50000)
#define BL_SPIN_BLIND_NS INT64_C(10000)

int bl_spin(struct bl_spin *s, const struct bl_spin_look *look,
            int64_t deadline_ns);
void bl_spin_learn(struct bl_spin *s, int64_t waited_ns, int hit);

/* Where this runs; never 0, which stands for nowhere. */
uint32_t bl_spin_cpu(void);

#endif
