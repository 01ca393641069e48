/* SPDX-License-Identifier: MIT */
#include "runtime/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/child.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/notify.h"
#include "runtime/poll.h"
#include "runtime/reap.h"
#include "runtime/self.h"
#include "runtime/signals.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

enum { CHILD_STACK = 64 * 1024, START_TIMEOUT_S = 30, ANSWER_SLICE_MS = 20 };

/* ---- what both kinds of start prepare and undo ---- */

/* The child's ends of what is being started; all closed in the parent when
 * the child has its copies. */
struct handover {
  int stdio[3];
  int ready;
  int alive; /* write end that stands for a pidfd (pidfd.h) */
  char **env; /* of a program that notifies us, null otherwise */
  char variable[BL_NOTIFY_VARIABLE];
};

static const struct handover nothing = {
    {BL_FD_NONE, BL_FD_NONE, BL_FD_NONE}, BL_FD_NONE, BL_FD_NONE,
    NULL, ""};

static int pipe_for(int target, int *child_end, int *parent_end) {
  int ends[2];
  int r = bl_fd_pipe(ends);
  if (r < 0) return r;
  *child_end = target == 0 ? ends[0] : ends[1];
  *parent_end = target == 0 ? ends[1] : ends[0];
  return bl_fd_nonblock(*parent_end);
}

static int open_stdio(const struct bl_plan *plan, struct handover *h,
                      struct bl_spawned *out) {
  for (int i = 0; i < 3; i++) {
    int r = 0;
    if (plan->stdio[i].kind == BL_STDIO_PIPE)
      r = pipe_for(i, &h->stdio[i], &out->stdio[i]);
    else if (plan->stdio[i].kind == BL_STDIO_FD)
      r = h->stdio[i] = bl_fd_copy(plan->stdio[i].fd);
    else if (plan->stdio[i].kind == BL_STDIO_NULL)
      r = h->stdio[i] = bl_fd_null();
    if (r < 0) return r;
  }
  return 0;
}

static char *const *environment_of(const struct bl_plan *plan) {
  return plan->envp ? (char *const *)(uintptr_t)plan->envp : bl_self_environ();
}

/* How the program will say that it is ready, if it is to. */
static int open_ready(const struct bl_plan *plan, struct handover *h,
                      struct bl_spawned *out) {
  if (plan->ready_fd > 0) return pipe_for(1, &h->ready, &out->ready);
  if (!plan->ready_notify) return 0;
  int r = out->ready = bl_notify_open(h->variable);
  if (r < 0) return r;
  h->env = bl_notify_environ(environment_of(plan), h->variable);
  return h->env ? 0 : -ENOMEM;
}

static int prepare(const struct bl_plan *plan, struct handover *h,
                   struct bl_spawned *out, enum bl_step *step) {
  *step = BL_STEP_STDIO;
  int r = open_stdio(plan, h, out);
  if (r < 0) return r;
  *step = BL_STEP_PIPE;
  r = open_ready(plan, h, out);
  if (r < 0 || !plan->daemon) return r;
  *step = BL_STEP_LIFELINE;
  return bl_lifeline_take(&out->lifeline);
}

static void close_handover(const struct bl_plan *plan, struct handover *h) {
  for (int i = 0; i < 3; i++)
    if (plan->stdio[i].kind != BL_STDIO_NULL) bl_fd_close(h->stdio[i]);
  h->ready = bl_fd_close(h->ready);
  h->alive = bl_fd_close(h->alive);
  free(h->env);
}

static void undo(struct bl_spawned *out) {
  for (int i = 0; i < 3; i++) out->stdio[i] = bl_fd_close(out->stdio[i]);
  out->ready = bl_fd_close(out->ready);
  out->handle.fd = bl_fd_close(out->handle.fd);
  bl_lifeline_give(&out->lifeline);
  bl_slot_give(&out->slot);
}

static void fill_child(struct bl_child *c, const struct bl_plan *plan,
                       const struct handover *h,
                       const struct bl_spawned *out) {
  *c = (struct bl_child){.plan = plan,
                         .parent = bl_self_pid(),
                         .stdio = {h->stdio[0], h->stdio[1], h->stdio[2]},
                         .parents = {out->stdio[0], out->stdio[1],
                                     out->stdio[2]},
                         .lifeline = out->lifeline.group ? out->lifeline.fd
                                                         : BL_FD_NONE,
                         .ready = h->ready,
                         .report = BL_FD_NONE,
                         .slot = out->slot};
}

static int64_t start_deadline(const struct bl_plan *plan) {
  return bl_deadline_ns(plan->start_timeout_ns ? plan->start_timeout_ns
                                               : START_TIMEOUT_S *
                                                     BL_SECOND_NS);
}

/* A child that is ours and unreaped; ends it and takes its status. */
static void discard(const struct bl_spawned *out) {
  if (bl_reap_owned(&out->handle)) kill(out->handle.pid, SIGKILL);
  bl_reap_unborn(out->handle.pid);
}

/* ---- a body: fork ---- */

static int refuse_threads(const struct bl_plan *plan) {
  struct stat tasks;
  if (__libc_single_threaded || plan->allow_threads) return 0;
  /* a folder's link count is 2 + its subfolders: one for each thread */
  if (stat("/proc/self/task", &tasks) < 0) return BL_EREFUSED;
  return tasks.st_nlink > 3 ? BL_EREFUSED : 0;
}

/* Does not return in the child. */
static int fork_child(const struct bl_child *c, pid_t *pid) {
  sigset_t saved;
  fflush(NULL); /* what is buffered is the parent's to write, once */
  bl_signals_block(&saved);
  *pid = fork();
  if (*pid == 0) bl_child_run(c);
  int error = errno;
  bl_signals_restore(&saved);
  return *pid < 0 ? -error : 0;
}

/* Before the fork: without pidfds the child shows by a pipe that it lives. */
static int prepare_handle(struct handover *h, struct bl_spawned *out) {
  int alive = BL_FD_NONE;
  if (bl_pidfd_usable()) return 0;
  out->handle.by_pid = 1;
  int r = pipe_for(1, &h->alive, &alive);
  if (r == 0) bl_pidfd_take(&out->handle, alive);
  return r;
}

/* What the child's dispositions are is asked here, while it comes up: 62 calls
 * less on its side of the start. With other threads about, they may have
 * changed since the fork. */
static uint64_t signals_to_reset(void) {
  return __libc_single_threaded ? bl_signals_changed() : BL_SIGNALS_ALL;
}

static int take_handle(struct bl_spawned *out) {
  int fd = out->handle.by_pid ? 0 : bl_pidfd_open(out->handle.pid);
  if (fd >= 0) {
    if (!out->handle.by_pid) bl_pidfd_take(&out->handle, fd);
    bl_gate_open(&out->slot, signals_to_reset());
    return 0;
  }
  bl_gate_refuse(&out->slot); /* it stands there, so it will hear us */
  bl_reap_unborn(out->handle.pid);
  return fd;
}

static int await_answer(const struct bl_spawned *out, int64_t deadline_ns,
                        enum bl_step *step) {
  int error = 0;
  *step = BL_STEP_ANSWER;
  while (!bl_slot_answer(&out->slot, ANSWER_SLICE_MS * BL_MILLISECOND_NS, step,
                         &error)) {
    int ended = bl_poll_one(out->handle.fd, POLLIN, 0) > 0;
    /* it may have answered just before */
    if (ended && bl_slot_answer(&out->slot, 0, step, &error)) break;
    if (ended) return BL_ESTART;
    if (bl_now_ns() >= deadline_ns) return BL_ETIMEOUT;
  }
  return error;
}

static int spawn_body(const struct bl_plan *plan, struct handover *h,
                      struct bl_spawned *out, enum bl_step *step) {
  struct bl_child c;
  int64_t deadline = start_deadline(plan);
  *step = BL_STEP_THREADS;
  int r = refuse_threads(plan);
  if (r < 0) return r;
  bl_self_remember();
  *step = BL_STEP_BOARD;
  r = bl_slot_take(&out->slot);
  if (r < 0) return r;
  *step = BL_STEP_PIDFD;
  r = prepare_handle(h, out);
  if (r < 0) return r;
  fill_child(&c, plan, h, out);
  *step = BL_STEP_FORK;
  r = fork_child(&c, &out->handle.pid);
  if (r < 0) return r;
  /* also here, so that the group is there when start() returns */
  if (plan->pgroup && !plan->session)
    setpgid(out->handle.pid, out->handle.pid);
  *step = BL_STEP_PIDFD;
  r = take_handle(out);
  if (r < 0 || !bl_child_answers(plan)) return r;
  r = await_answer(out, deadline, step);
  if (r < 0) discard(out);
  return r;
}

/* ---- a program: clone and exec ---- */

/* The program's side may build an argument list of its own (a script without
 * an interpreter line). */
static size_t stack_size(const struct bl_plan *plan) {
  size_t words = 2;
  while (plan->argv[words - 2]) words++;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (CHILD_STACK + words * sizeof(char *) + page - 1) / page * page;
}

static int clone_child(struct bl_child *c, struct bl_spawned *out) {
  int pidfd = BL_FD_NONE;
  sigset_t saved;
  size_t size = stack_size(c->plan);
  char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -errno;
  bl_signals_block(&saved); /* no handler may run in the memory we share */
  out->handle.pid =
      clone(bl_child_exec, stack + size,
            CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, c, &pidfd);
  int error = errno;
  bl_signals_restore(&saved);
  munmap(stack, size);
  if (out->handle.pid < 0) return -error;
  pidfd = bl_fd_above_stdio(pidfd);
  if (pidfd < 0) bl_reap_unborn(out->handle.pid);
  else bl_pidfd_take(&out->handle, pidfd);
  return pidfd < 0 ? pidfd : 0;
}

/* What the program's side wrote before it gave up; nothing when exec closed
 * the pipe. */
static int read_report(int fd, int64_t deadline_ns, enum bl_step *step) {
  struct bl_report failed;
  int r;
  do {
    r = bl_poll_one(fd, POLLIN, deadline_ns);
  } while (r == BL_EINTR);
  *step = BL_STEP_ANSWER;
  if (r < 0) return r;
  if (r == 0) return BL_ETIMEOUT;
  ssize_t n = bl_fd_read(fd, &failed, sizeof failed);
  if (n <= 0) return (int)n;
  if (n != (ssize_t)sizeof failed) return -EPROTO;
  *step = (enum bl_step)failed.step;
  return failed.error;
}

static int spawn_program(const struct bl_plan *plan, const struct handover *h,
                         struct bl_spawned *out, enum bl_step *step) {
  int report[2];
  struct bl_child c;
  int64_t deadline = start_deadline(plan);
  *step = BL_STEP_PIPE;
  int r = bl_fd_pipe(report);
  if (r < 0) return r;
  fill_child(&c, plan, h, out);
  c.report = report[1];
  c.envp = h->env ? h->env : environment_of(plan);
  *step = BL_STEP_FORK;
  r = clone_child(&c, out);
  bl_fd_close(report[1]);
  if (r == 0) {
    r = read_report(report[0], deadline, step);
    if (r < 0) discard(out);
  }
  bl_fd_close(report[0]);
  return r;
}

int bl_spawn(const struct bl_plan *plan, struct bl_spawned *out,
             enum bl_step *step) {
  struct handover h = nothing;
  struct bl_spawned made = {.handle = {.fd = BL_FD_NONE},
                            .stdio = {BL_FD_NONE, BL_FD_NONE, BL_FD_NONE},
                            .ready = BL_FD_NONE,
                            .lifeline = {BL_FD_NONE, NULL}};
  int r = prepare(plan, &h, &made, step);
  if (r == 0)
    r = plan->argv ? spawn_program(plan, &h, &made, step)
                   : spawn_body(plan, &h, &made, step);
  close_handover(plan, &h);
  if (made.lifeline.group) bl_lifeline_handed_over(&made.lifeline);
  if (r == 0) *out = made;
  else undo(&made);
  return r;
}
