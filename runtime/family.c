/* SPDX-License-Identifier: MIT */
#include "runtime/family.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/limit.h"
#include "runtime/poll.h"
#include "runtime/signals.h"

enum { AFTER_KILL_S = 5 };

/* The children a step is about, in a pollfd each; the last one watches for
 * signals. */
struct wait {
  struct bl_process **children;
  struct pollfd *fds;
  size_t n;
  int signals; /* BL_FD_NONE: none watched */
  int ends;    /* a signal ends the wait */
};

static void drop_ended(struct wait *w) {
  size_t kept = 0;
  for (size_t i = 0; i < w->n; i++)
    if (bl_process_poll(w->children[i]) == 0)
      w->children[kept++] = w->children[i];
  w->n = kept;
}

static int64_t first_due(const struct wait *w, int64_t deadline_ns) {
  for (size_t i = 0; i < w->n; i++) {
    int64_t due = bl_process_due(w->children[i]);
    if (due < deadline_ns) deadline_ns = due;
  }
  return deadline_ns;
}

/* Until all have ended or the deadline passed (0), or a signal came (its
 * number): also our own, when this process was asked to unwind. */
static int wait_all(struct wait *w, int64_t deadline_ns) {
  for (;;) {
    drop_ended(w);
    if (w->n == 0 || bl_now_ns() >= deadline_ns) return 0;
    if (w->ends && bl_limit_requested()) return SIGTERM;
    for (size_t i = 0; i < w->n; i++)
      w->fds[i] =
          (struct pollfd){bl_process_fd(w->children[i]), POLLIN, 0};
    w->fds[w->n] = (struct pollfd){w->signals, POLLIN, 0};
    int r = bl_poll(w->fds, w->n + 1, first_due(w, deadline_ns));
    if (r < 0 && r != BL_EINTR) return 0;
    if (w->signals == BL_FD_NONE) continue;
    int signo = bl_signals_take_end(w->signals);
    if (signo) return signo;
  }
}

static void signal_all(const struct wait *w, int signo) {
  for (size_t i = 0; i < w->n; i++) bl_process_signal(w->children[i], signo);
}

static void end_all(struct wait *w, int64_t grace_ns) {
  signal_all(w, SIGTERM);
  signal_all(w, SIGCONT);
  wait_all(w, bl_deadline_ns(grace_ns));
  signal_all(w, SIGKILL);
  wait_all(w, bl_deadline_ns(AFTER_KILL_S * BL_SECOND_NS));
}

static void choose(struct wait *w, struct bl_process *const *children,
                   size_t n, int daemons) {
  w->n = 0;
  for (size_t i = 0; i < n; i++)
    if (!bl_process_daemon(children[i]) == !daemons)
      w->children[w->n++] = children[i];
}

static void join_all(struct wait *w, int64_t grace_ns) {
  sigset_t saved;
  int fd = bl_signals_watch_end(&saved);
  w->signals = fd < 0 ? BL_FD_NONE : fd;
  w->ends = 1;
  int signo = wait_all(w, BL_FOREVER);
  w->ends = 0;
  w->signals = BL_FD_NONE;
  if (signo) end_all(w, grace_ns);
  if (fd >= 0) bl_signals_unwatch_end(fd, &saved);
  if (!signo) return;
  fflush(NULL);
  bl_signals_die(signo);
}

void bl_family_end(struct bl_process *const *children, size_t n,
                   int64_t grace_ns) {
  struct wait w = {.signals = BL_FD_NONE};
  if (n == 0) return;
  w.children = calloc(n, sizeof(struct bl_process *));
  w.fds = calloc(n + 1, sizeof(struct pollfd));
  if (w.children && w.fds) {
    choose(&w, children, n, 1);
    if (w.n > 0) end_all(&w, grace_ns);
    choose(&w, children, n, 0);
    if (w.n > 0) join_all(&w, grace_ns);
  }
  free(w.children);
  free(w.fds);
}
