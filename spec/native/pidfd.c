/* SPDX-License-Identifier: MIT */
/* Where the system refuses pidfds: a seccomp filter in a forked child answers
 * with an error, as a container's does. */
#include "runtime/pidfd.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "runtime/process.h"
#include "spec/native/check.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* From here on the calls a, b and c fail with error. */
static int refuse(unsigned a, unsigned b, unsigned c, unsigned error) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error)};
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int refuse_pidfds(unsigned error) {
  return refuse(SYS_pidfd_open, SYS_pidfd_send_signal, SYS_pidfd_send_signal,
                error);
}

/* What a forked child says of its checks. */
static int verdict(void) {
  if (check_why[0]) fprintf(stderr, "in the child: %s\n", check_why);
  return check_why[0] != '\0';
}

static struct bl_process *start(const struct bl_plan *plan) {
  enum bl_step step;
  struct bl_process *p = bl_process_new();
  if (p && CHECK_INT(bl_process_start(p, plan, &step), 0)) return p;
  return bl_process_free(p);
}

static void ends(struct bl_process *p, enum bl_how how, int code) {
  if (!p) return;
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  CHECK_INT(bl_process_exit(p)->how, how);
  CHECK_INT(bl_process_exit(p)->code, code);
  bl_process_free(p);
}

static int returns_seven(void *arg) {
  (void)arg;
  return 7;
}

static int waits_for_ever(void *arg) {
  (void)arg;
  while (pause() < 0) {
  }
  return 1;
}

/* Returns once it is asked to. */
static int unwinds(void *arg) {
  (void)arg;
  pause();
  return 9;
}

static void body_goes_by_number(void) {
  struct bl_plan plan = {.body = returns_seven};
  CHECK(!bl_pidfd_usable());
  ends(start(&plan), BL_HOW_EXITED, 7);
  plan.body = waits_for_ever;
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(bl_process_join(p, bl_deadline_ns(BL_MILLISECOND_NS)), 0);
  CHECK_INT(bl_process_signal(p, SIGTERM), 0);
  ends(p, BL_HOW_SIGNALED, SIGTERM);
  plan.body = unwinds;
  p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(bl_process_terminate_controlled(p, 20 * BL_SECOND_NS), 0);
  ends(p, BL_HOW_EXITED, 9);
}

/* The kernel hands its pidfd over with the child: only signals take the way
 * by number. */
static void program_goes_by_number(void) {
  const char *const argv[] = {"sleep", "60", NULL};
  struct bl_plan plan = {.argv = argv, .pgroup = 1};
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(bl_process_signal(p, SIGTERM), 0);
  ends(p, BL_HOW_SIGNALED, SIGTERM);
  p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(bl_process_signal_group(p, SIGINT), 0);
  ends(p, BL_HOW_SIGNALED, SIGINT);
}

static int without(unsigned error) {
  CHECK(refuse_pidfds(error));
  if (!check_why[0]) body_goes_by_number();
  if (!check_why[0]) program_goes_by_number();
  CHECK(!check_has_child());
  return verdict();
}

static int with_enosys(void) { return without(ENOSYS); }
static int with_eperm(void) { return without(EPERM); }

static void goes_by_number(void) {
  CHECK_INT(check_in_child(with_enosys), 0);
  CHECK_INT(check_in_child(with_eperm), 0);
}

/* Closes all it has, and lives on. */
static int closes_everything(void *arg) {
  for (int fd = 3; fd < 256; fd++) close(fd);
  return waits_for_ever(arg);
}

static int64_t cpu_ns(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return ((int64_t)used.ru_utime.tv_sec + used.ru_stime.tv_sec) *
             BL_SECOND_NS +
         ((int64_t)used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

static int join_of_a_deaf_child(void) {
  struct bl_plan plan = {.body = closes_everything};
  if (!CHECK(refuse_pidfds(ENOSYS))) return verdict();
  struct bl_process *p = start(&plan);
  if (!p) return verdict();
  struct pollfd closed = {bl_process_fd(p), POLLIN, 0};
  CHECK_INT(poll(&closed, 1, 30000), 1);
  int64_t before = cpu_ns();
  CHECK_INT(bl_process_join(p, bl_deadline_ns(500 * BL_MILLISECOND_NS)), 0);
  CHECK(cpu_ns() - before < 150 * BL_MILLISECOND_NS);
  CHECK_INT(bl_process_signal(p, SIGKILL), 0);
  ends(p, BL_HOW_SIGNALED, SIGKILL);
  return verdict();
}

static void join_does_not_spin(void) {
  CHECK_INT(check_in_child(join_of_a_deaf_child), 0);
}

static int closes_one_by_one(void) {
  int ends_of[2], high;
  if (!CHECK(refuse(SYS_close_range, SYS_close_range, SYS_close_range,
                    ENOSYS)))
    return verdict();
  CHECK_INT(pipe(ends_of), 0);
  high = fcntl(ends_of[1], F_DUPFD, 200);
  CHECK_INT(high, 200);
  bl_fd_close_others(&ends_of[1], 1);
  CHECK(fcntl(ends_of[0], F_GETFD) < 0);
  CHECK(fcntl(ends_of[1], F_GETFD) >= 0);
  CHECK(fcntl(high, F_GETFD) < 0);
  return verdict();
}

static void closes_without_close_range(void) {
  CHECK_INT(check_in_child(closes_one_by_one), 0);
}

CHECK_MAIN({"without pidfds, children are joined and signalled by number",
            goes_by_number},
           {"joining a child that closed its descriptors does not spin",
            join_does_not_spin},
           {"without close_range, descriptors are closed one by one",
            closes_without_close_range})
