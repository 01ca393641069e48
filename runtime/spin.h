/* SPDX-License-Identifier: MIT */
/* Whether it pays to look again and again before sleeping.
 *
 * To wake a CPU costs tens of microseconds, to see what another CPU wrote a
 * fraction of one. So a wait begins with a spin of at most 50 us where waits
 * were short lately; after spins that saw nothing, the next 1, 2, 4 ... 32
 * are left out: they cost the other side its CPU where those are short.
 *
 *   1. bound = bl_spin_bound(s): for how long to look; 0: sleep at once
 *   2. bl_spin_learn(s, ...): how long the wait was, and whether looking was
 *      enough
 *
 * Zero-initialised is fresh. */
#ifndef BILLIARD_SPIN_H
#define BILLIARD_SPIN_H

#include "runtime/base.h"

struct bl_spin {
  int64_t mean_ns; /* of waits, moving */
  unsigned waits;  /* since the mean is too long: each 16th probes */
  unsigned skip;   /* after the next failure */
  unsigned left;   /* still to leave out */
};

int64_t bl_spin_bound(struct bl_spin *s);
void bl_spin_learn(struct bl_spin *s, int64_t waited_ns, int64_t bound_ns,
                   int hit);

/* For between two looks. */
static inline void bl_spin_pause(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

#endif
