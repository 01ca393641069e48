/* SPDX-License-Identifier: MIT */
/* A child that must not outlive its owner, whatever happens to the owner.
 *
 * The owner alone keeps the write end of a pipe. Each child has the read end
 * as an open file description of its own, asks for SIGKILL when something
 * happens there (F_SETSIG, O_ASYNC), and the only thing that can happen is
 * that the last writer goes. The kernel then kills it: busy, stopped, with all
 * signals blocked, or after exec, while the descriptor is open.
 *
 * One pipe serves 64 children: one for all is quadratic when the owner dies,
 * one each makes a start dearer the more there are.
 *
 * parent:  1. bl_lifeline_take()  2. fork, handing `fd` over
 *          3. bl_lifeline_handed_over()
 *          4. bl_lifeline_give() when the child was reaped
 * child:   bl_lifeline_arm(), as the first thing
 *
 * Limits: a child that closes the descriptor or leaves by set-id exec lives
 * on. */
#ifndef BILLIARD_LIFELINE_H
#define BILLIARD_LIFELINE_H

#include "runtime/base.h"

struct bl_lifeline {
  int fd;                     /* the child's end, until it is handed over */
  struct bl_lifegroup *group; /* null: no lifeline */
};

int bl_lifeline_take(struct bl_lifeline *line);
void bl_lifeline_handed_over(struct bl_lifeline *line);
void bl_lifeline_give(struct bl_lifeline *line);

/* child: 0, BL_ECLOSED when the owner is gone, -errno. whole_group: this
 * process leads a process group, which dies with it. Async-signal-safe. */
int bl_lifeline_arm(int fd, int whole_group);

#endif
