/* SPDX-License-Identifier: MIT */
/* The lock around the few lists a process has once (boards, lifelines,
 * interpreters), and what becomes of those lists in a forked child.
 *
 * Held for a handful of instructions, never across fork() or a wait. */
#ifndef BILLIARD_LOCK_H
#define BILLIARD_LOCK_H

void bl_lock(void);
void bl_unlock(void);

/* Has cleanup called in the child after every fork of this process, also in
 * those that are not ours, with the lock held. Repeating it does nothing.
 * cleanup is async-signal-safe. At most 8 different ones. */
void bl_lock_at_fork(void (*cleanup)(void));

#endif
