/* SPDX-License-Identifier: MIT */
#include "runtime/handover.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/self.h"

enum { START_TIMEOUT_S = 30 };

const struct bl_handover bl_handover_nothing = {
    .stdio = {BL_FD_NONE, BL_FD_NONE, BL_FD_NONE},
    .passed = BL_FD_NONE,
    .passed_as = BL_FD_NONE,
    .alive = BL_FD_NONE};

const struct bl_spawned bl_spawned_nothing = {
    .handle = {.fd = BL_FD_NONE},
    .stdio = {BL_FD_NONE, BL_FD_NONE, BL_FD_NONE},
    .ready = BL_FD_NONE,
    .lifeline = {.fd = BL_FD_NONE}};

int bl_handover_pipe(int target, int *child_end, int *parent_end) {
  int ends[2];
  int r = bl_fd_pipe(ends);
  if (r < 0) return r;
  *child_end = target == 0 ? ends[0] : ends[1];
  *parent_end = target == 0 ? ends[1] : ends[0];
  return bl_fd_nonblock(*parent_end);
}

static int open_stdio(const struct bl_plan *plan, struct bl_handover *h,
                      struct bl_spawned *made) {
  for (int i = 0; i < 3; i++) {
    int r = 0;
    if (plan->stdio[i].kind == BL_STDIO_PIPE)
      r = bl_handover_pipe(i, &h->stdio[i], &made->stdio[i]);
    else if (plan->stdio[i].kind == BL_STDIO_FD)
      r = h->stdio[i] = bl_fd_copy(plan->stdio[i].fd);
    else if (plan->stdio[i].kind == BL_STDIO_NULL)
      r = h->stdio[i] = bl_fd_null();
    if (r < 0) return r;
  }
  return 0;
}

char *const *bl_handover_environ(const struct bl_plan *plan) {
  return plan->envp ? (char *const *)(uintptr_t)plan->envp : bl_self_environ();
}

/* How the program will say that it is ready, if it is to. */
static int open_ready(const struct bl_plan *plan, struct bl_handover *h,
                      struct bl_spawned *made) {
  if (plan->ready_fd > 0) {
    h->passed_as = plan->ready_fd;
    return bl_handover_pipe(1, &h->passed, &made->ready);
  }
  if (!plan->ready_notify) return 0;
  int r = made->ready = bl_notify_open(h->variable);
  if (r < 0) return r;
  h->env = bl_notify_environ(bl_handover_environ(plan), h->variable);
  return h->env ? 0 : -ENOMEM;
}

int bl_handover_prepare(const struct bl_plan *plan, struct bl_handover *h,
                        struct bl_spawned *made, enum bl_step *step) {
  *step = BL_STEP_STDIO;
  int r = open_stdio(plan, h, made);
  if (r < 0) return r;
  *step = BL_STEP_PIPE;
  r = open_ready(plan, h, made);
  if (r < 0 || !plan->daemon) return r;
  *step = BL_STEP_LIFELINE;
  return bl_lifeline_take(&made->lifeline);
}

void bl_handover_close(const struct bl_plan *plan, struct bl_handover *h,
                       struct bl_spawned *made) {
  for (int i = 0; i < 3; i++)
    if (plan->stdio[i].kind != BL_STDIO_NULL) bl_fd_close(h->stdio[i]);
  h->passed = bl_fd_close(h->passed);
  h->alive = bl_fd_close(h->alive);
  free(h->env);
  if (made->lifeline.group) bl_lifeline_handed_over(&made->lifeline);
}

void bl_spawned_undo(struct bl_spawned *made) {
  for (int i = 0; i < 3; i++) made->stdio[i] = bl_fd_close(made->stdio[i]);
  made->ready = bl_fd_close(made->ready);
  made->handle.fd = bl_fd_close(made->handle.fd);
  bl_lifeline_give(&made->lifeline);
  bl_slot_give(&made->slot);
}

int64_t bl_handover_deadline(const struct bl_plan *plan) {
  return bl_deadline_ns(plan->start_timeout_ns
                            ? plan->start_timeout_ns
                            : START_TIMEOUT_S * BL_SECOND_NS);
}
