/* SPDX-License-Identifier: MIT */
/* The child's side of a start, from fork to its body or program.
 * Everything here is async-signal-safe until the body runs: the parent may
 * have had other threads, and before exec the child may share its memory. */
#ifndef BILLIARD_CHILD_H
#define BILLIARD_CHILD_H

#include <sys/types.h>

#include "runtime/board.h"
#include "runtime/plan.h"

struct bl_child {
  const struct bl_plan *plan;
  pid_t parent;        /* who forks */
  int stdio[3];        /* what becomes 0, 1, 2, where the plan says so */
  int parents[3];      /* the parent's ends of pipes; BL_FD_NONE */
  int lifeline;        /* fd, BL_FD_NONE for none */
  int passed;          /* exec: what becomes passed_as, above 2 */
  int passed_as;       /* BL_FD_NONE: nothing */
  char *const *envp;   /* exec: the program's environment */
  int report;          /* exec: write end of the close-on-exec pipe */
  struct bl_slot slot; /* fork: the gate */
};

/* What goes through the report pipe when a step before exec failed. */
struct bl_report {
  int step;
  int error;
};

/* 1: a step may fail for the user's reasons, so start() waits for an answer. */
int bl_child_answers(const struct bl_plan *plan);

/* child, after fork: never returns. */
_Noreturn void bl_child_run(const struct bl_child *c);

/* parent, for forks to come: registers what bl_child_run() would register in
 * each child. Between this and the fork nobody registers a handler of exit(). */
void bl_child_watch_exit(void);

/* child, after clone or vfork: runs the program; returns 127 when it could
 * not, with the reason in the pipe. arg is a struct bl_child. */
int bl_child_exec(void *arg);

#endif
