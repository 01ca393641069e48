/* SPDX-License-Identifier: MIT */
/* Sleeping until a word of shared memory changes. For waits whose end any
 * process may bring about, and none needs to: who is killed between the
 * change and the wake-up costs the others what is left of their slice. */
#ifndef BILLIARD_FUTEX_H
#define BILLIARD_FUTEX_H

#include "runtime/base.h"
#include "runtime/clock.h"

/* How often who sleeps should look at who has died: a death changes no
 * word. */
#define BL_FUTEX_SLICE_NS (50 * BL_MILLISECOND_NS)

/* Sleeps while the word is `seen`, for at most a slice, and not beyond the
 * deadline. 0: look again; BL_ETIMEOUT: the deadline has passed;
 * BL_EINTR, BL_ETERMINATED: as bl_poll(). But a signal handler that ran when
 * the sleep was just over is not told of: who must hear of each waits by
 * deadlines that are near, again and again. */
int bl_futex_wait(const _Atomic uint32_t *word, uint32_t seen,
                  int64_t deadline_ns);

/* Sleeps while the word is `seen`, for so long at most, or until a signal:
 * 0, or -errno. Async-signal-safe. */
int bl_futex_sleep(const _Atomic uint32_t *word, uint32_t seen, int64_t ns);

/* Wakes all who sleep on the word. Async-signal-safe. */
void bl_futex_wake(const _Atomic uint32_t *word);

#endif
