/* SPDX-License-Identifier: MIT */
#include "runtime/process.h"

#include <poll.h>
#include <signal.h>

#include "runtime/error.h"
#include "runtime/fd.h"
#include "spec/native/check.h"

static int returns(void *arg) { return (int)(intptr_t)arg; }

static int waits_for_ever(void *arg) {
  (void)arg;
  while (pause() < 0 && errno == EINTR) {
  }
  return 1;
}

static struct bl_process *start(const struct bl_plan *plan) {
  enum bl_step step;
  struct bl_process *p = bl_process_new();
  if (!CHECK(p != NULL)) return NULL;
  int r = bl_process_start(p, plan, &step);
  if (r == 0) return p;
  CHECK_FAIL("%s (%s)", bl_error_text(r), bl_step_text(step));
  return bl_process_free(p);
}

static void ends(struct bl_process *p, enum bl_how how, int code) {
  if (!p) return;
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  CHECK_INT(bl_process_exit(p)->how, how);
  CHECK_INT(bl_process_exit(p)->code, code);
}

static void body_returns(void) {
  for (intptr_t status = 0; status < 256; status += 51) {
    struct bl_plan plan = {.body = returns, .arg = (void *)status};
    struct bl_process *p = start(&plan);
    ends(p, BL_HOW_EXITED, (int)status);
    bl_process_free(p);
  }
}

static void body_dies(void) {
  struct bl_plan plan = {.body = returns, .arg = (void *)(intptr_t)-SIGTERM};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_SIGNALED, SIGTERM);
  bl_process_free(p);
}

static void program_runs(void) {
  const char *const argv[] = {"sh", "-c", "exit 3", NULL};
  struct bl_plan plan = {.argv = argv};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_EXITED, 3);
  bl_process_free(p);
}

static void deadline_passes(void) {
  struct bl_plan plan = {.body = waits_for_ever};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  int64_t deadline = bl_deadline_ns(20 * BL_MILLISECOND_NS);
  CHECK_INT(bl_process_join(p, deadline), 0);
  CHECK(bl_now_ns() >= deadline);
  CHECK_INT(bl_process_poll(p), 0);
  CHECK_INT(bl_process_signal(p, SIGKILL), 0);
  ends(p, BL_HOW_SIGNALED, SIGKILL);
  CHECK_INT(bl_process_signal(p, SIGKILL), 0); /* it has ended: no matter */
  CHECK_INT(bl_process_poll(p), 1);
  bl_process_free(p);
}

/* A start that must fail: the error, the step, and a second try works. */
static void fails(struct bl_plan plan, int error, enum bl_step where) {
  const char *const good[] = {"true", NULL};
  enum bl_step step;
  struct bl_process *p = bl_process_new();
  NEED(p != NULL);
  int fds = check_fds();
  CHECK_INT(bl_process_start(p, &plan, &step), error);
  CHECK_INT(step, where);
  CHECK(!check_has_child());
  CHECK_INT(check_fds(), fds);
  plan = (struct bl_plan){.argv = good};
  CHECK_INT(bl_process_start(p, &plan, &step), 0);
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
}

static void missing_program(void) {
  const char *const argv[] = {"billiard-no-such-program", NULL};
  const char *const path[] = {"/nowhere/at/all", NULL};
  const char *const below_a_file[] = {"/dev/null/x", NULL};
  fails((struct bl_plan){.argv = argv}, -ENOENT, BL_STEP_EXEC);
  fails((struct bl_plan){.argv = path}, -ENOENT, BL_STEP_EXEC);
  fails((struct bl_plan){.argv = below_a_file}, -ENOTDIR, BL_STEP_EXEC);
}

static void no_program(void) {
  const char *const folder[] = {"/tmp", NULL};
  const char *const data[] = {"/etc/passwd", NULL};
  fails((struct bl_plan){.argv = folder}, -EACCES, BL_STEP_EXEC);
  fails((struct bl_plan){.argv = data}, -EACCES, BL_STEP_EXEC);
}

static void no_directory(void) {
  const char *const argv[] = {"true", NULL};
  fails((struct bl_plan){.argv = argv, .cwd = "/nowhere"}, -ENOENT,
        BL_STEP_CWD);
  fails((struct bl_plan){.body = returns, .cwd = "/nowhere"}, -ENOENT,
        BL_STEP_CWD);
  fails((struct bl_plan){.body = returns, .cwd = "/dev/null"}, -ENOTDIR,
        BL_STEP_CWD);
}

static void bad_plan(void) {
  const char *const none[] = {NULL};
  const char *const argv[] = {"true", NULL};
  fails((struct bl_plan){.argv = NULL}, -EINVAL, BL_STEP_NONE);
  fails((struct bl_plan){.argv = none}, -EINVAL, BL_STEP_NONE);
  fails((struct bl_plan){.argv = argv, .body = returns}, -EINVAL,
        BL_STEP_NONE);
  fails((struct bl_plan){.argv = argv, .ready_fd = 2}, -EINVAL, BL_STEP_NONE);
  fails((struct bl_plan){.argv = argv, .stdio = {{BL_STDIO_FD, 9999}}},
        -EBADF, BL_STEP_STDIO);
}

/* Reads until the end of fd, which it closes. */
static void reads(int fd, const char *expected) {
  char text[256] = "";
  size_t n = 0;
  struct pollfd p = {fd, POLLIN, 0};
  while (n < sizeof text - 1 && poll(&p, 1, 30000) == 1) {
    ssize_t got = read(fd, text + n, sizeof text - 1 - n);
    if (got <= 0) break;
    n += (size_t)got;
  }
  text[n] = '\0';
  CHECK_STR(text, expected);
  close(fd);
}

static void pipes_carry(void) {
  const char *const argv[] = {"sh", "-c", "cat; echo err >&2", NULL};
  struct bl_plan plan = {
      .argv = argv,
      .stdio = {{BL_STDIO_PIPE, 0}, {BL_STDIO_PIPE, 0}, {BL_STDIO_STDOUT, 0}}};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  int in = bl_process_take_stdio(p, 0);
  CHECK_INT(write(in, "hello\n", 6), 6);
  close(in);
  CHECK_INT(bl_process_take_stdio(p, 0), BL_FD_NONE);
  CHECK_INT(bl_process_take_stdio(p, 2), BL_FD_NONE);
  reads(bl_process_take_stdio(p, 1), "hello\nerr\n");
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
}

static int writes_to_all(void *arg) {
  (void)arg;
  char byte;
  if (read(0, &byte, 1) != 0) return 1; /* the null device */
  if (write(1, "out", 3) != 3) return 2;
  return write(2, "err", 3) == 3 ? 0 : 3;
}

static void body_is_redirected(void) {
  int ends_of[2];
  NEED(bl_fd_pipe(ends_of) == 0);
  struct bl_plan plan = {.body = writes_to_all,
                         .stdio = {{BL_STDIO_NULL, 0},
                                   {BL_STDIO_FD, ends_of[1]},
                                   {BL_STDIO_NULL, 0}}};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
  close(ends_of[1]); /* the plan's descriptor stayed ours */
  reads(ends_of[0], "out");
}

static void limits_hold(void) {
  /* in blocks of 512 or 1024 bytes, as the shell likes */
  const char *const argv[] = {
      "sh", "-c", "case $(ulimit -f) in 1024 | 2048) ;; *) exit 1; esac", NULL};
  struct bl_plan plan = {.argv = argv};
  plan.limits[BL_LIMIT_FSIZE] = (struct bl_limit_value){1, 1 << 20};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
}

static void places_are_taken(void) {
  const char *const argv[] = {
      "sh", "-c", "test $(pwd) = / && test $(umask) = 0027 && test $X = y",
      NULL};
  const char *const envp[] = {"X=y", "PATH=/usr/bin:/bin", NULL};
  struct bl_plan plan = {
      .argv = argv, .envp = envp, .cwd = "/", .umask_set = 1, .umask = 027};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
}

static void becomes_ready(const char *script, int expected) {
  const char *const argv[] = {"sh", "-c", script, NULL};
  struct bl_plan plan = {.argv = argv, .ready_fd = 3};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  struct pollfd ready = {bl_process_ready_fd(p), POLLIN, 0};
  int r = 0;
  while (r == 0 && poll(&ready, 1, 30000) == 1) r = bl_process_ready(p);
  CHECK_INT(r, expected);
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
}

static void says_it_is_ready(void) {
  becomes_ready("echo yes >&3", 1);
  becomes_ready("printf no >&3", BL_ESTART);
  becomes_ready(":", BL_ESTART);
}

static void group_is_signalled(void) {
  struct bl_plan plan = {.body = waits_for_ever, .pgroup = 1};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(getpgid(bl_process_pid(p)), bl_process_pid(p));
  CHECK_INT(bl_process_signal_group(p, SIGKILL), 0);
  ends(p, BL_HOW_SIGNALED, SIGKILL);
  bl_process_free(p);
}

static void sentinel_tells(void) {
  struct bl_plan plan = {.body = waits_for_ever};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  struct pollfd s = {bl_process_sentinel(p), POLLIN, 0};
  CHECK_INT(poll(&s, 1, 0), 0);
  bl_process_signal(p, SIGKILL);
  CHECK_INT(poll(&s, 1, 30000), 1);
  ends(p, BL_HOW_SIGNALED, SIGKILL);
  CHECK_INT(poll(&s, 1, 0), 1);
  CHECK_INT(bl_process_sentinel(p), s.fd);
  bl_process_free(p);
}

static void late_sentinel_tells(void) {
  struct bl_plan plan = {.body = returns};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_EXITED, 0);
  NEED(p != NULL);
  CHECK_INT(bl_process_fd(p), BL_FD_NONE);
  struct pollfd s = {bl_process_sentinel(p), POLLIN, 0};
  CHECK_INT(poll(&s, 1, 0), 1);
  bl_process_free(p);
}

static void grace_ends(void) {
  const char *const argv[] = {
      "sh", "-c", "trap '' TERM; echo >&3; while :; do sleep 1; done", NULL};
  struct bl_plan plan = {.argv = argv, .ready_fd = 3, .pgroup = 1};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  struct pollfd ready = {bl_process_ready_fd(p), POLLIN, 0};
  CHECK_INT(poll(&ready, 1, 30000), 1); /* the trap is set */
  CHECK_INT(bl_process_due(p), BL_FOREVER);
  int r = bl_process_terminate_controlled(p, 50 * BL_MILLISECOND_NS);
  CHECK_INT(r, 0);
  CHECK(bl_process_controlled(p));
  CHECK(bl_process_due(p) < BL_FOREVER);
  ends(p, BL_HOW_SIGNALED, SIGKILL);
  kill(-bl_process_pid(p), SIGKILL); /* its sleep */
  bl_process_free(p);
}

static void stolen_status(void) {
  struct bl_plan plan = {.body = returns, .arg = (void *)(intptr_t)7};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(waitpid(bl_process_pid(p), NULL, 0), bl_process_pid(p));
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  const struct bl_exit *exit = bl_process_exit(p);
  if (exit->how == BL_HOW_EXITED) CHECK_INT(exit->code, 7); /* Linux 6.15 */
  else CHECK_INT(exit->how, BL_HOW_UNKNOWN);
  CHECK_INT(bl_process_signal(p, SIGKILL), 0);
  bl_process_free(p);
}

/* What the library keeps open for good is open before the first count. */
static void warm_up(void) {
  struct bl_plan plan = {.body = returns,
                         .daemon = 1,
                         .stdio = {{BL_STDIO_NULL, 0}}};
  struct bl_process *p = start(&plan);
  ends(p, BL_HOW_EXITED, 0);
  bl_process_free(p);
}

int main(void) {
  static const struct check_test tests[] = {
      {"a body ends with what it returns", body_returns},
      {"a body that returns -N ends of signal N", body_dies},
      {"a program is found in PATH and its status told", program_runs},
      {"a join ends at its deadline; signals after the end do nothing",
       deadline_passes},
      {"a missing program fails at exec and leaves nothing", missing_program},
      {"what may not be run fails at exec", no_program},
      {"a missing directory fails at cwd", no_directory},
      {"a plan that cannot be is refused", bad_plan},
      {"a program's stdio is carried by pipes", pipes_carry},
      {"a body's stdio is redirected", body_is_redirected},
      {"a limit holds in the program", limits_hold},
      {"directory, umask and environment are the plan's", places_are_taken},
      {"a program tells that it is ready, or ends without", says_it_is_ready},
      {"a group that is led is signalled as one", group_is_signalled},
      {"a sentinel is readable from the end on", sentinel_tells},
      {"a sentinel asked for late is readable", late_sentinel_tells},
      {"a program that ignores the request is killed", grace_ends},
      {"a status that somebody else took is no hang", stolen_status}};
  warm_up();
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
