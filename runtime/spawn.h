/* SPDX-License-Identifier: MIT */
/* Carries out a plan: from here on there is a child, or there is none and
 * nothing of it is left.
 *
 * A body runs after fork(), behind a gate that opens once the parent holds
 * the pidfd. A program is started like vfork() does it, at a cost that does
 * not grow with the parent's memory: the kernel hands over the pidfd with the
 * child, and the caller goes on when the program runs or a step has failed. */
#ifndef BILLIARD_SPAWN_H
#define BILLIARD_SPAWN_H

#include "runtime/board.h"
#include "runtime/lifeline.h"
#include "runtime/pidfd.h"
#include "runtime/plan.h"

/* What the parent holds of a child. */
struct bl_spawned {
  struct bl_pidfd handle;
  int stdio[3]; /* the parent's ends of pipes, non-blocking; BL_FD_NONE */
  int ready;    /* read end of the program's ready pipe, or the socket that
                   it notifies; BL_FD_NONE */
  struct bl_slot slot;
  int must_answer; /* start() did not wait for the answer: a child that ends
                      without one has not started (bl_process_late_failure) */
  struct bl_lifeline lifeline;
};

/* 0 with *out filled, or an error with *step telling where. */
int bl_spawn(const struct bl_plan *plan, struct bl_spawned *out,
             enum bl_step *step);

#endif
