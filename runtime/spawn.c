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
#include "runtime/parcel.h"
#include "runtime/poll.h"
#include "runtime/reap.h"
#include "runtime/self.h"
#include "runtime/signals.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

/* What the child's frames marked on a stack that they left by exec would be
   held against whatever is mapped there next. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum { CHILD_STACK = 64 * 1024, ANSWER_SLICE_MS = 20 };

static int lifeline_of(const struct bl_plan *plan,
                       const struct bl_spawned *out) {
  if (out->lifeline.group) return out->lifeline.fd;
  return plan->lifeline > 0 ? plan->lifeline : BL_FD_NONE;
}

static void fill_child(struct bl_child *c, const struct bl_plan *plan,
                       const struct bl_handover *h,
                       const struct bl_spawned *out) {
  *c = (struct bl_child){.plan = plan,
                         .parent = bl_self_pid(),
                         .stdio = {h->stdio[0], h->stdio[1], h->stdio[2]},
                         .parents = {out->stdio[0], out->stdio[1],
                                     out->stdio[2]},
                         .lifeline = lifeline_of(plan, out),
                         .passed = h->passed,
                         .passed_as = h->passed_as,
                         .report = BL_FD_NONE,
                         .slot = out->slot};
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
static int prepare_handle(struct bl_handover *h, struct bl_spawned *out) {
  int alive = BL_FD_NONE;
  if (bl_pidfd_usable()) return 0;
  out->handle.by_pid = 1;
  int r = bl_handover_pipe(1, &h->alive, &alive);
  if (r == 0) bl_pidfd_take(&out->handle, alive);
  return r;
}

/* What the child's dispositions are is asked here, while it comes up: 62 calls
 * less on its side of the start. With other threads about, they may have
 * changed since the fork. */
static uint64_t signals_to_reset(const struct bl_plan *plan) {
  if (plan->signals) return plan->signals;
  return __libc_single_threaded ? bl_signals_changed() : BL_SIGNALS_ALL;
}

static int take_handle(const struct bl_plan *plan, struct bl_spawned *out) {
  int fd = out->handle.by_pid ? 0 : bl_pidfd_open(out->handle.pid);
  if (fd >= 0) {
    if (!out->handle.by_pid) bl_pidfd_take(&out->handle, fd);
    if (!plan->slot) bl_gate_open(&out->slot, signals_to_reset(plan));
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

static int spawn_body(const struct bl_plan *plan, struct bl_handover *h,
                      struct bl_spawned *out, enum bl_step *step) {
  struct bl_child c;
  int64_t deadline = bl_handover_deadline(plan);
  *step = BL_STEP_THREADS;
  int r = refuse_threads(plan);
  if (r < 0) return r;
  bl_self_remember();
  *step = BL_STEP_BOARD;
  if (plan->slot) out->slot = *plan->slot;
  else r = bl_slot_take(&out->slot);
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
  r = take_handle(plan, out);
  if (r == 0 && bl_child_answers(plan)) {
    r = await_answer(out, deadline, step);
    if (r < 0) discard(out);
  }
  if (plan->slot) out->slot.board = NULL; /* what it tells is its owner's */
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
  ASAN_UNPOISON_MEMORY_REGION(stack, size);
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

static int spawn_program(const struct bl_plan *plan, const struct bl_handover *h,
                         struct bl_spawned *out, enum bl_step *step) {
  int report[2];
  struct bl_child c;
  int64_t deadline = bl_handover_deadline(plan);
  *step = BL_STEP_PIPE;
  int r = bl_fd_pipe(report);
  if (r < 0) return r;
  fill_child(&c, plan, h, out);
  c.report = report[1];
  c.envp = h->env ? h->env : bl_handover_environ(plan);
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

/* ---- a body in a program of ours ---- */

/* The parcel waits in the socket, whose other end can be closed at once. */
static int send_ahead(const struct bl_plan *plan, struct bl_handover *h,
                      struct bl_spawned *out, enum bl_step *step) {
  int ends[2];
  fflush(NULL); /* as before a fork: what we wrote comes first */
  *step = BL_STEP_BOARD;
  int r = bl_slot_take(&out->slot);
  if (r < 0) return r;
  out->must_answer = 1;
  *step = BL_STEP_SEND;
  r = bl_fd_socketpair(ends);
  if (r < 0) return r;
  r = bl_parcel_send(ends[0], plan, &out->slot);
  if (r == 0) bl_gate_open(&out->slot, 0);
  bl_fd_close(ends[0]);
  h->passed = ends[1];
  h->passed_as = BL_CONTROL_FD;
  return r;
}

static int pass_control(const struct bl_plan *plan, struct bl_handover *h) {
  h->passed = bl_fd_copy(plan->control);
  h->passed_as = BL_CONTROL_FD;
  return h->passed < 0 ? h->passed : 0;
}

static int spawn(const struct bl_plan *plan, struct bl_handover *h,
                 struct bl_spawned *out, enum bl_step *step) {
  int r = bl_handover_prepare(plan, h, out, step);
  if (r < 0) return r;
  if (!plan->argv) return spawn_body(plan, h, out, step);
  if (plan->cargo) r = send_ahead(plan, h, out, step);
  else if (plan->control) r = pass_control(plan, h);
  return r < 0 ? r : spawn_program(plan, h, out, step);
}

int bl_spawn(const struct bl_plan *plan, struct bl_spawned *out,
             enum bl_step *step) {
  struct bl_handover h = bl_handover_nothing;
  struct bl_spawned made = bl_spawned_nothing;
  int r = spawn(plan, &h, &made, step);
  bl_handover_close(plan, &h, &made);
  if (r == 0) *out = made;
  else bl_spawned_undo(&made);
  return r;
}
