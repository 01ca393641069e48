/* SPDX-License-Identifier: MIT */
#include "runtime/lifeline.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "runtime/fd.h"
#include "spec/native/check.h"

/* An owner is a forked process; what it leaves falls to this one, which is
 * told the pids through a pipe. */
static int news[2];

static void tell(pid_t pid) {
  if (write(news[1], &pid, sizeof pid) != (ssize_t)sizeof pid) _exit(99);
}

/* What a member does once its lifeline is armed. */
static void waits(void) {
  for (;;) pause();
}

static void is_busy(void) {
  for (volatile unsigned long n = 0;; n++) {
  }
}

static int armed; /* the member's end */

static void becomes_a_program(void) {
  fcntl(armed, F_SETFD, 0); /* the program has to keep it */
  execlp("sleep", "sleep", "600", NULL);
}

static void is_stopped(void) {
  raise(SIGSTOP);
  waits();
}

static void leads_a_group(void) {
  pid_t pid = fork();
  if (pid == 0) waits();
  tell(pid);
  waits();
}

static void (*behave)(void);
static int group;

static _Noreturn void be_member(const struct bl_lifeline *line) {
  if (group) setpgid(0, 0);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  if (bl_lifeline_arm(line->fd, group) < 0) _exit(98);
  armed = line->fd;
  tell(getpid());
  behave();
  _exit(97);
}

static pid_t add_member(struct bl_lifeline *line) {
  if (bl_lifeline_take(line) < 0) return -1;
  pid_t pid = fork();
  if (pid == 0) be_member(line);
  bl_lifeline_handed_over(line);
  return pid;
}

static pid_t heard(void) {
  pid_t pid = -1;
  struct pollfd p = {news[0], POLLIN, 0};
  if (poll(&p, 1, 30000) != 1) return -1;
  return read(news[0], &pid, sizeof pid) == (ssize_t)sizeof pid ? pid : -1;
}

/* Within some seconds; a process that lives on is killed here. */
static void dies_of_sigkill(pid_t pid) {
  int status = 0;
  int64_t deadline = CHECK_DEADLINE;
  NEED(CHECK(pid > 0));
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (bl_now_ns() < deadline) continue;
    CHECK_FAIL("it has outlived its owner");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return;
  }
  CHECK(WIFSIGNALED(status));
  CHECK_INT(WTERMSIG(status), SIGKILL);
}

static void close_news(void) {
  bl_fd_close(news[0]);
  bl_fd_close(news[1]);
}

/* The owner has one member and ends when told by SIGKILL. */
static pid_t start_owner(void) {
  if (bl_fd_pipe(news) < 0) return -1;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t owner = fork();
  if (owner != 0) return owner;
  struct bl_lifeline line;
  if (add_member(&line) < 0) _exit(96);
  waits();
  _exit(95);
}

/* Until /proc says of it, in one line, what is expected. */
static void until(pid_t pid, const char *file, const char *expected) {
  char path[64], line[256] = "";
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
  int64_t deadline = CHECK_DEADLINE;
  while (!strstr(line, expected) && bl_now_ns() < deadline) {
    FILE *f = fopen(path, "r");
    if (f && !fgets(line, sizeof line, f)) line[0] = '\0';
    if (f) fclose(f);
  }
  CHECK(strstr(line, expected) != NULL);
}

static void dies_with_its_owner(void (*member)(void), int words) {
  pid_t pids[2] = {-1, -1};
  behave = member;
  pid_t owner = start_owner();
  NEED(CHECK(owner > 0));
  for (int i = 0; i < words; i++) CHECK((pids[i] = heard()) > 0);
  if (member == is_stopped) until(pids[0], "stat", ") T ");
  if (member == becomes_a_program) until(pids[0], "comm", "sleep");
  kill(owner, SIGKILL);
  waitpid(owner, NULL, 0);
  for (int i = 0; i < words; i++) dies_of_sigkill(pids[i]);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  close_news();
}

static void member_dies(void) { dies_with_its_owner(waits, 1); }
static void busy_one_dies(void) { dies_with_its_owner(is_busy, 1); }
static void program_dies(void) { dies_with_its_owner(becomes_a_program, 1); }
static void stopped_one_dies(void) { dies_with_its_owner(is_stopped, 1); }

static void group_dies(void) {
  group = 1;
  dies_with_its_owner(leads_a_group, 2);
  group = 0;
}

/* ---- who holds the owner's end ---- */

/* An owner that forked a process which is no child of ours, and goes. */
static int leaves_a_stranger(void) {
  struct bl_lifeline line;
  if (add_member(&line) < 0) return 1;
  pid_t member = heard(), stranger = fork();
  if (stranger == 0) waits();
  tell(member);
  tell(stranger);
  return 0;
}

static void stranger_does_not_hold_it(void) {
  behave = waits;
  NEED(CHECK_INT(bl_fd_pipe(news), 0));
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  CHECK_INT(check_in_child(leaves_a_stranger), 0);
  pid_t member = heard(), stranger = heard();
  dies_of_sigkill(member);
  CHECK_INT(waitpid(stranger, NULL, WNOHANG), 0); /* it lives on */
  kill(stranger, SIGKILL);
  waitpid(stranger, NULL, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  close_news();
}

static int arms_without_an_owner(void) {
  int ends[2];
  if (bl_fd_pipe(ends) < 0) return 1;
  bl_fd_close(ends[1]);
  return bl_lifeline_arm(ends[0], 0) == BL_ECLOSED ? 0 : 2;
}

static void owner_is_gone(void) {
  CHECK_INT(check_in_child(arms_without_an_owner), 0);
}

/* ---- descriptors ---- */

static void sixty_four_share_a_pipe(void) {
  enum { MANY = 130 };
  struct bl_lifeline lines[MANY];
  int fds = check_fds(); /* with the pipe that stays */
  for (int i = 0; i < MANY; i++) {
    NEED(CHECK_INT(bl_lifeline_take(&lines[i]), 0));
    bl_lifeline_handed_over(&lines[i]);
  }
  CHECK_INT(check_fds(), fds + 2 * 2);
  for (int i = 0; i < MANY; i++) bl_lifeline_give(&lines[i]);
  CHECK_INT(check_fds(), fds);
  bl_lifeline_give(&lines[0]);
}

/* A host that closes all descriptors and uses the numbers for its own. */
static int survives_a_closing_host(void) {
  struct bl_lifeline before, after;
  if (bl_lifeline_take(&before) < 0) return 1;
  bl_lifeline_handed_over(&before);
  bl_fd_close_others(NULL, 0);
  for (int fd = 3; fd < 20; fd++)
    if (open("/dev/null", O_RDONLY) != fd) return 2;
  bl_lifeline_give(&before);
  if (bl_lifeline_take(&after) < 0) return 3;
  bl_lifeline_give(&after);
  for (int fd = 3; fd < 20; fd++)
    if (fcntl(fd, F_GETFD) < 0) return 4;
  return 0;
}

/* One pipe is empty while the other is full, and then no longer needed. */
static void one_empty_pipe_stays(void) {
  enum { MANY = 65 };
  struct bl_lifeline lines[MANY];
  int fds = check_fds(); /* with the pipe that stays */
  for (int i = 0; i < MANY; i++) {
    NEED(CHECK_INT(bl_lifeline_take(&lines[i]), 0));
    bl_lifeline_handed_over(&lines[i]);
  }
  CHECK_INT(check_fds(), fds + 2);
  bl_lifeline_give(&lines[MANY - 1]);
  bl_lifeline_give(&lines[1]);
  CHECK_INT(check_fds(), fds);
  bl_lifeline_give(&lines[0]);
  for (int i = 2; i < MANY - 1; i++) bl_lifeline_give(&lines[i]);
  CHECK_INT(check_fds(), fds);
}

static void closed_ends_harm_nobody(void) {
  CHECK_INT(check_in_child(survives_a_closing_host), 0);
}

int main(void) {
  static const struct check_test tests[] = {
      {"a member dies when its owner is killed, whatever it blocks",
       member_dies},
      {"also one that is busy", busy_one_dies},
      {"also one that became a program", program_dies},
      {"also a stopped one", stopped_one_dies},
      {"the group that it leads dies too", group_dies},
      {"a fork of the owner that is no child of ours does not hold it",
       stranger_does_not_hold_it},
      {"arming it without an owner says so", owner_is_gone},
      {"sixty-four members cost two descriptors", sixty_four_share_a_pipe},
      {"an empty pipe goes when another has room", one_empty_pipe_stays},
      {"ends that a host has closed are given up", closed_ends_harm_nobody},
  };
  struct bl_lifeline first; /* the pipe that stays */
  if (bl_lifeline_take(&first) == 0) bl_lifeline_give(&first);
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
