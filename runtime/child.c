/* SPDX-License-Identifier: MIT */
#include "runtime/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/bell.h"
#include "runtime/body.h"
#include "runtime/fd.h"
#include "runtime/lifeline.h"
#include "runtime/limit.h"
#include "runtime/self.h"
#include "runtime/signals.h"

enum { EXIT_NOT_STARTED = 127 };

static int lead_session(const struct bl_child *c) {
  return c->plan->session && setsid() < 0 ? -errno : 0;
}

static int lead_group(const struct bl_child *c) {
  if (!c->plan->pgroup || c->plan->session) return 0;
  return setpgid(0, 0) < 0 ? -errno : 0;
}

static int arm_lifeline(const struct bl_child *c) {
  if (c->lifeline == BL_FD_NONE) return 0;
  return bl_lifeline_arm(c->lifeline, c->plan->session || c->plan->pgroup);
}

static int redirect(const struct bl_child *c, int target) {
  switch (c->plan->stdio[target].kind) {
    case BL_STDIO_NULL:
    case BL_STDIO_PIPE:
    case BL_STDIO_FD: return dup2(c->stdio[target], target) < 0 ? -errno : 0;
    case BL_STDIO_STDOUT: return dup2(1, target) < 0 ? -errno : 0;
    case BL_STDIO_CLOSED: bl_fd_close(target); break;
    case BL_STDIO_INHERIT: break;
  }
  return 0;
}

/* A child that kept a copy of the other end of its own pipe would never see
 * the end of it. The null device is the parent's, for all. */
static void close_copies(const struct bl_child *c, int target) {
  enum bl_stdio_kind kind = c->plan->stdio[target].kind;
  if (kind == BL_STDIO_PIPE || kind == BL_STDIO_FD)
    bl_fd_close(c->stdio[target]);
  bl_fd_close(c->parents[target]);
}

static int place_stdio(const struct bl_child *c) {
  for (int target = 0; target < 3; target++) {
    int r = redirect(c, target);
    if (r < 0) return r;
  }
  for (int target = 0; target < 3; target++) close_copies(c, target);
  return 0;
}

static int set_umask(const struct bl_child *c) {
  if (c->plan->umask_set) umask((mode_t)c->plan->umask);
  return 0;
}

static int change_directory(const struct bl_child *c) {
  if (c->plan->cwd_fd > 0 && fchdir(c->plan->cwd_fd) < 0) return -errno;
  return c->plan->cwd && chdir(c->plan->cwd) < 0 ? -errno : 0;
}

static int be_nice(const struct bl_child *c) {
  if (c->plan->nice == 0) return 0;
  errno = 0; /* -1 is a legal niceness */
  return nice(c->plan->nice) == -1 && errno != 0 ? -errno : 0;
}

static int set_limits(const struct bl_child *c) {
  static const __rlimit_resource_t resources[BL_LIMITS] = {
      [BL_LIMIT_AS] = RLIMIT_AS,         [BL_LIMIT_CPU] = RLIMIT_CPU,
      [BL_LIMIT_NOFILE] = RLIMIT_NOFILE, [BL_LIMIT_FSIZE] = RLIMIT_FSIZE,
      [BL_LIMIT_CORE] = RLIMIT_CORE,     [BL_LIMIT_NPROC] = RLIMIT_NPROC};
  for (int i = 0; i < BL_LIMITS; i++) {
    if (!c->plan->limits[i].set) continue;
    rlim_t value = (rlim_t)c->plan->limits[i].value;
    struct rlimit limit = {value, value}, before;
    if (getrlimit(resources[i], &before) < 0) return -errno;
    /* SIGXCPU, then SIGKILL */
    if (i == BL_LIMIT_CPU && value < before.rlim_max) limit.rlim_max++;
    if (setrlimit(resources[i], &limit) < 0) return -errno;
  }
  return 0;
}

/* The order matters: groups before the lifeline that names them, the lifeline
 * before anything that can take time. The limits come last of all, so that
 * they limit nothing of ours. */
static const struct {
  enum bl_step step;
  int (*take)(const struct bl_child *c);
} steps[] = {
    {BL_STEP_SESSION, lead_session}, {BL_STEP_PGROUP, lead_group},
    {BL_STEP_LIFELINE, arm_lifeline}, {BL_STEP_STDIO, place_stdio},
    {BL_STEP_UMASK, set_umask},      {BL_STEP_CWD, change_directory},
    {BL_STEP_NICE, be_nice},
};

static int take_steps(const struct bl_child *c, enum bl_step *step) {
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    *step = steps[i].step;
    int r = steps[i].take(c);
    if (r < 0) return r;
  }
  *step = BL_STEP_NONE;
  return 0;
}

static int limit(const struct bl_child *c, enum bl_step *step) {
  int r = set_limits(c);
  if (r < 0) *step = BL_STEP_LIMITS;
  return r;
}

int bl_child_answers(const struct bl_plan *plan) {
  int limited = 0;
  for (int i = 0; i < BL_LIMITS; i++) limited |= plan->limits[i].set;
  return limited || plan->cwd || plan->nice || plan->session;
}

/* ---- fork ---- */

static struct bl_slot own_slot;
static struct bl_plan own_plan; /* body, leave and arg outlive the parent's */

static pid_t own_pid;
static int own_bell; /* 0, BL_FD_NONE: none */

int bl_body_here(void) { return own_pid != 0 && own_pid == bl_self_pid(); }

int bl_body_tell(enum bl_text kind, const char *text, size_t size) {
  if (!bl_body_here()) return 0;
  int r = bl_slot_tell(&own_slot, kind, text, size);
  if (r == 0 && kind == BL_TEXT_READY && own_bell > 0) bl_bell_ring(own_bell);
  return r;
}

int bl_body_adopt(int fd, unsigned index, uint32_t generation, int bell) {
  int r = bl_slot_adopt(&own_slot, fd, index, generation);
  if (r < 0) {
    bl_fd_close(bell);
    return r;
  }
  own_bell = bell;
  own_pid = bl_self_pid();
  return 0;
}

void bl_body_answer(enum bl_step step, int error) {
  bl_slot_tell_answer(&own_slot, step, error);
}

int bl_body_look(int64_t slice_ns) {
  uint64_t unused; /* the dispositions are not our owner's */
  return bl_gate_look(&own_slot, slice_ns, &unused);
}

_Noreturn void bl_body_end(int status) {
  fflush(NULL);
  if (status < 0) bl_signals_die(-status);
  _exit(status);
}

/* First of the exit handlers to run, so that the parent's, which this process
 * inherited, never do: also when exit() is called again meanwhile. */
static void on_exit_of_body(int status, void *unused) {
  static int leaving;
  (void)unused;
  if (own_plan.leave && !leaving) {
    leaving = 1;
    on_exit(on_exit_of_body, NULL);
    own_plan.leave(own_plan.arg, status);
  }
  bl_body_end(status & 0xff);
}

static int watching_exit; /* already, as bl_child_run() would have it */

void bl_child_watch_exit(void) {
  on_exit(on_exit_of_body, NULL);
  watching_exit = 1;
}

_Noreturn void bl_child_run(const struct bl_child *c) {
  enum bl_step step;
  uint64_t signals = c->plan->signals;
  own_slot = c->slot;
  own_plan = *c->plan;
  own_bell = own_plan.bell;
  own_pid = bl_self_pid();
  int r = take_steps(c, &step);
  if (r == 0) r = limit(c, &step);
  if (r < 0 || !c->plan->slot) bl_slot_tell_answer(&c->slot, step, r);
  if (r == 0 && !c->plan->slot) r = bl_gate_wait(&c->slot, c->parent, &signals);
  if (r < 0) _exit(EXIT_NOT_STARTED);
  bl_signals_reset(signals);
  bl_limit_listen();
  if (c->plan->envp) environ = (char **)(uintptr_t)c->plan->envp;
  if (!watching_exit) bl_child_watch_exit();
  watching_exit = 0; /* this body may register handlers, which its forks get */
  bl_signals_unblock();
  bl_body_end(own_plan.body(own_plan.arg));
}

/* ---- exec ---- */

static void sort3(int a[3]) {
  for (int i = 0; i < 3; i++)
    for (int j = i + 1; j < 3; j++)
      if (a[j] < a[i]) {
        int t = a[i];
        a[i] = a[j];
        a[j] = t;
      }
}

/* dup2 that takes close-on-exec away also where nothing moves. */
static int place(int fd, int target) {
  return fd == target ? fcntl(fd, F_SETFD, 0) : dup2(fd, target);
}

/* What the program gets beside 0, 1 and 2: what it is passed, and its
 * lifeline, neither of which may stand on the number the other one needs. */
static int pass_descriptors(const struct bl_child *c, int *report) {
  int lifeline = c->lifeline, passed = c->passed_as;
  if (*report == passed && (*report = bl_fd_copy(*report)) < 0) return *report;
  if (lifeline != BL_FD_NONE) {
    /* a copy is the same description, armed; this one survives exec */
    lifeline = fcntl(lifeline, F_DUPFD, passed >= 3 ? passed + 1 : 3);
    if (lifeline < 0) return -errno;
  }
  if (passed != BL_FD_NONE && place(c->passed, passed) < 0) return -errno;
  int keep[3] = {lifeline, passed, *report};
  sort3(keep);
  bl_fd_close_others(keep, 3);
  return 0;
}

static int become_program(const struct bl_child *c, int *report,
                          enum bl_step *step) {
  int r = take_steps(c, step);
  if (r < 0) return r;
  *step = BL_STEP_STDIO;
  r = pass_descriptors(c, report);
  if (r == 0) r = limit(c, step);
  if (r < 0) return r;
  *step = BL_STEP_EXEC;
  /* what is asked of a body before it listens waits for it */
  bl_signals_unblock_but(c->plan->cargo ? bl_limit_signal() : 0);
  execvpe(c->plan->argv[0], (char *const *)(uintptr_t)c->plan->argv, c->envp);
  return -errno;
}

/* ASan knows nothing of the stack that this runs on. */
__attribute__((no_sanitize_address)) int bl_child_exec(void *arg) {
  const struct bl_child *c = arg;
  struct bl_report failed;
  enum bl_step step;
  int report = c->report;
  bl_signals_reset(BL_SIGNALS_ALL);
  failed.error = become_program(c, &report, &step);
  failed.step = (int)step;
  bl_fd_write(report, &failed, sizeof failed);
  _exit(EXIT_NOT_STARTED);
}
