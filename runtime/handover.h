/* SPDX-License-Identifier: MIT */
/* What passes between the two sides of a start: prepared before there is a
 * child, and undone where none comes of it.
 *
 *   1. h = bl_handover_nothing, made = bl_spawned_nothing
 *   2. bl_handover_prepare()
 *   3. start something that takes the child's ends in h
 *   4. bl_handover_close(), which leaves the parent its ends in `made`
 *   5. bl_spawned_undo() if it failed */
#ifndef BILLIARD_HANDOVER_H
#define BILLIARD_HANDOVER_H

#include "runtime/board.h"
#include "runtime/lifeline.h"
#include "runtime/notify.h"
#include "runtime/pidfd.h"
#include "runtime/plan.h"

struct bl_ward;

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
  struct bl_ward *ward; /* a zygote's child (zygote.h); null: our own */
};

/* The child's ends of what is being started. */
struct bl_handover {
  int stdio[3];
  int passed; /* becomes passed_as in a program; BL_FD_NONE */
  int passed_as;
  int alive;  /* write end that stands for a pidfd (pidfd.h) */
  char **env; /* of a program that notifies us, null otherwise */
  char variable[BL_NOTIFY_VARIABLE];
};

extern const struct bl_handover bl_handover_nothing;
extern const struct bl_spawned bl_spawned_nothing;

/* Stdio, the ready pipe, the lifeline; 0, or an error with *step set. */
int bl_handover_prepare(const struct bl_plan *plan, struct bl_handover *h,
                        struct bl_spawned *made, enum bl_step *step);

/* Closes the child's ends, which it has copies of by now, or never will. */
void bl_handover_close(const struct bl_plan *plan, struct bl_handover *h,
                       struct bl_spawned *made);

void bl_spawned_undo(struct bl_spawned *made);

/* A pipe whose child's end is for reading as its fd 0, for writing else; the
 * parent's is non-blocking. */
int bl_handover_pipe(int target, int *child_end, int *parent_end);

/* The environment a program of this plan gets. */
char *const *bl_handover_environ(const struct bl_plan *plan);

/* When a start by this plan is given up. */
int64_t bl_handover_deadline(const struct bl_plan *plan);

#endif
