/* SPDX-License-Identifier: MIT */
/* One process at a time, in memory that others may overwrite: a word that
 * holds the holder's pid, or 0.
 *
 * For a handful of instructions and system calls that do not wait; what it
 * guards is consistent after each of them, for the claim of a process that
 * ended is taken over as it stands. A stopped holder keeps it. The worst that
 * a garbled word does is make takers wait for their deadline. The processes
 * are of one pid namespace. */
#ifndef BILLIARD_CLAIM_H
#define BILLIARD_CLAIM_H

#include <stdatomic.h>

#include "runtime/base.h"

struct bl_claim {
  _Atomic int32_t holder;
};

/* Takes it: 0; BL_ETIMEOUT, also after one honest try where the deadline has
 * passed; BL_ECLOSED when it stays taken and the peer of sock is gone;
 * BL_EBADFRAME for a word that is nobody's; as bl_poll(). A full barrier. */
int bl_claim_take(struct bl_claim *claim, int sock, int64_t deadline_ns);

/* Takes it if it is free: 1, or 0. */
int bl_claim_try(struct bl_claim *claim);

void bl_claim_give(struct bl_claim *claim);

#endif
