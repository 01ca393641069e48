/* SPDX-License-Identifier: MIT */
#include "runtime/family.h"

#include <poll.h>
#include <signal.h>

#include "runtime/body.h"
#include "runtime/fd.h"
#include "spec/native/check.h"

static int returns(void *arg) { return (int)(intptr_t)arg; }

static int waits(void *arg) {
  (void)arg;
  while (pause() < 0) {
  }
  return 1;
}

static int is_deaf(void *arg) {
  signal(SIGTERM, SIG_IGN);
  bl_body_tell(BL_TEXT_READY, "", 0);
  return waits(arg);
}

static struct bl_process *start(int (*body)(void *), void *arg, int daemon) {
  enum bl_step step;
  struct bl_plan plan = {.body = body, .arg = arg, .daemon = daemon};
  struct bl_process *p = bl_process_new();
  if (p && bl_process_start(p, &plan, &step) == 0) return p;
  CHECK_FAIL("a start failed");
  return bl_process_free(p);
}

static void until_ready(struct bl_process *p) {
  const char *text;
  size_t size;
  int64_t deadline = CHECK_DEADLINE;
  while (bl_process_text(p, BL_TEXT_READY, &text, &size) == 0 &&
         bl_now_ns() < deadline) {
  }
  CHECK_INT(bl_process_text(p, BL_TEXT_READY, &text, &size), 1);
}

/* It has been reaped, and how; lets go of it. */
static void ended(struct bl_process *p, enum bl_how how, int code) {
  const struct bl_exit *e = bl_process_exit(p);
  CHECK_INT(e->how, how);
  CHECK_INT(e->code, code);
  if (e->how == BL_HOW_ALIVE) bl_process_signal(p, SIGKILL);
  bl_process_join(p, CHECK_DEADLINE);
  bl_process_free(p);
}

/* ---- daemons ---- */

static void daemons_are_ended(void) {
  struct bl_process *p[] = {start(waits, NULL, 1), start(waits, NULL, 1)};
  NEED(p[0] && p[1]);
  bl_process_signal(p[1], SIGSTOP);
  bl_family_end(p, 2, 30 * BL_SECOND_NS);
  ended(p[0], BL_HOW_SIGNALED, SIGTERM);
  ended(p[1], BL_HOW_SIGNALED, SIGTERM); /* stopped, and woken for it */
}

static void deaf_daemons_are_killed(void) {
  struct bl_process *p = start(is_deaf, NULL, 1);
  NEED(p != NULL);
  until_ready(p);
  bl_family_end(&p, 1, BL_MILLISECOND_NS);
  ended(p, BL_HOW_SIGNALED, SIGKILL);
}

static void ended_ones_are_no_matter(void) {
  struct bl_process *p[] = {start(returns, (void *)3, 1),
                            start(returns, (void *)4, 0)};
  NEED(p[0] && p[1]);
  for (int i = 0; i < 2; i++) bl_process_join(p[i], CHECK_DEADLINE);
  bl_family_end(p, 2, BL_SECOND_NS);
  ended(p[0], BL_HOW_EXITED, 3);
  ended(p[1], BL_HOW_EXITED, 4);
  bl_family_end(NULL, 0, BL_SECOND_NS);
}

/* ---- the others ---- */

static int ends[2];

/* Lives for as long as somebody holds the pipe, which a daemon does. */
static int reads_to_the_end(void *arg) {
  char byte;
  bl_fd_close(ends[1]);
  return read(ends[0], &byte, 1) == 0 ? (int)(intptr_t)arg : 1;
}

static void others_are_joined(void) {
  NEED(CHECK_INT(bl_fd_pipe(ends), 0));
  struct bl_process *p[] = {start(reads_to_the_end, (void *)5, 0),
                            start(waits, NULL, 1)};
  bl_fd_close(ends[0]);
  bl_fd_close(ends[1]);
  NEED(p[0] && p[1]);
  CHECK_INT(bl_process_poll(p[0]), 0);
  bl_family_end(p, 2, 30 * BL_SECOND_NS);
  ended(p[1], BL_HOW_SIGNALED, SIGTERM);
  ended(p[0], BL_HOW_EXITED, 5);
}

/* ---- a signal while it joins ---- */

static int given; /* the signal */

/* Sends it once the parent sleeps, and stays. */
static int interrupts(void *arg) {
  char path[64], line[256] = "", *end = NULL;
  pid_t parent = getppid();
  snprintf(path, sizeof path, "/proc/%d/stat", (int)parent);
  int64_t deadline = CHECK_DEADLINE;
  while (!(end && end[2] == 'S') && bl_now_ns() < deadline) {
    FILE *f = fopen(path, "r");
    end = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    if (f) fclose(f);
  }
  kill(parent, given);
  return waits(arg);
}

static int joins_for_ever(void) {
  struct bl_process *p = start(interrupts, NULL, 0);
  if (!p) return 1;
  bl_fd_close(ends[1]);
  bl_family_end(&p, 1, 30 * BL_SECOND_NS);
  return 2;
}

/* Nobody but the child of the one that was interrupted holds the pipe. */
static int is_gone(void) {
  struct pollfd p = {ends[0], POLLIN, 0};
  char byte;
  return poll(&p, 1, 30000) == 1 && read(ends[0], &byte, 1) == 0;
}

static void interrupted_by(int signo) {
  given = signo;
  NEED(CHECK_INT(bl_fd_pipe(ends), 0));
  CHECK_INT(check_in_child(joins_for_ever), -signo);
  bl_fd_close(ends[1]);
  CHECK(is_gone());
  bl_fd_close(ends[0]);
}

static void signals_end_the_wait(void) {
  interrupted_by(SIGTERM);
  interrupted_by(SIGINT);
}

int main(void) {
  static const struct check_test tests[] = {
      {"daemons are ended, also stopped ones", daemons_are_ended},
      {"those that do not listen are killed", deaf_daemons_are_killed},
      {"those that have ended before are no matter", ended_ones_are_no_matter},
      {"the others are joined, after the daemons' end", others_are_joined},
      {"a signal ends the wait, the others, and the process",
       signals_end_the_wait},
  };
  struct bl_process *first = start(returns, NULL, 1); /* what stays open */
  if (first) bl_process_join(first, CHECK_DEADLINE);
  bl_process_free(first);
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
