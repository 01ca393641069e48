/* SPDX-License-Identifier: MIT */
/* Carries out a plan: from here on there is a child, or there is none and
 * nothing of it is left.
 *
 * A body runs after fork(), behind a gate that opens once the parent holds
 * the pidfd. A program is started like vfork() does it, at a cost that does
 * not grow with the parent's memory: the kernel hands over the pidfd with the
 * child, and the caller goes on when the program runs or a step has failed. A
 * program of ours that is to run a body finds a parcel (parcel.h). */
#ifndef BILLIARD_SPAWN_H
#define BILLIARD_SPAWN_H

#include "runtime/handover.h"

/* 0 with *out filled, or an error with *step telling where. */
int bl_spawn(const struct bl_plan *plan, struct bl_spawned *out,
             enum bl_step *step);

#endif
