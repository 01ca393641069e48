/* SPDX-License-Identifier: MIT */
/* Children that are no forks of this program: it starts itself again, as a
 * child that does what a word of its cargo says, or as a zygote of such. */
#include "runtime/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "runtime/body.h"
#include "runtime/brood.h"
#include "runtime/fd.h"
#include "runtime/parcel.h"
#include "runtime/poll.h"
#include "runtime/process.h"
#include "spec/native/check.h"

/* ---- the children ---- */

static int open_fds(void) {
  int n = 0;
  for (int fd = 3; fd < 100; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

static int checksum(const char *bytes, size_t size) {
  unsigned sum = 0;
  for (size_t i = 0; i < size; i++) sum = sum * 31 + (unsigned char)bytes[i];
  return (int)(sum % 251);
}

static void tell(enum bl_text kind, const char *text) {
  bl_body_tell(kind, text ? text : "", text ? strlen(text) : 0);
}

static int obey(struct bl_parcel *p) {
  char word[32] = "", folder[256];
  int n = 0;
  sscanf(p->bytes, "%31s %d", word, &n);
  if (strcmp(word, "exit") == 0) return n;
  if (strcmp(word, "sum") == 0) return checksum(p->bytes, p->size);
  if (strcmp(word, "write") == 0) return write(p->fds[0], "w", 1) == 1 ? 0 : 1;
  if (strcmp(word, "fds") == 0) return open_fds() - p->n;
  if (strcmp(word, "owner") == 0)
    return p->owner_fd != BL_FD_NONE && bl_poll_one(p->owner_fd, POLLIN, 0) == 0;
  if (strcmp(word, "tell") == 0) {
    tell(BL_TEXT_RESULT, getenv("ZYGOTE_TEST"));
    tell(BL_TEXT_ERROR, getcwd(folder, sizeof folder));
    tell(BL_TEXT_READY, "ready");
  }
  for (;;) pause();
}

static int accept_and_obey(struct bl_parcel *p) {
  if (bl_parcel_accept(p) < 0 || bl_parcel_wait(p) < 0) return 98;
  p->control = bl_fd_close(p->control);
  return obey(p);
}

static int run(void *unused, int control) {
  struct bl_parcel p;
  (void)unused;
  if (bl_parcel_receive(control, &p) < 0) return 99;
  return accept_and_obey(&p);
}

static int serve(struct bl_parcel *p) {
  struct bl_brood_work work = {run, NULL, NULL};
  if (bl_brood_begin(p) < 0) return 97;
  if (strncmp(p->bytes, "broken", 6) == 0)
    bl_brood_broken(BL_CONTROL_FD, "as it was told", 14);
  else if (strncmp(p->bytes, "hang", 4) == 0)
    for (;;) pause();
  else
    bl_brood_serve(BL_CONTROL_FD, &work);
  return 0;
}

static int work(void) {
  struct bl_parcel p;
  if (bl_parcel_receive(BL_CONTROL_FD, &p) < 0) return 96;
  if (p.kind == BL_PARCEL_ZYGOTE) return serve(&p);
  return accept_and_obey(&p);
}

/* ---- starting them ---- */

static const char *self[] = {NULL, "--worker", NULL}; /* this program */
static const struct bl_cargo nothing = {"-", 2, NULL, 0};
static enum bl_method method; /* of the test that runs */

static struct bl_plan plan_of(const struct bl_cargo *cargo) {
  return (struct bl_plan){.argv = self,
                          .method = method,
                          .cargo = cargo,
                          .preload = &nothing,
                          .stdio = {{.kind = BL_STDIO_NULL}}};
}

static struct bl_process *start(const struct bl_plan *plan) {
  enum bl_step step;
  struct bl_process *p = bl_process_new();
  if (!CHECK(p != NULL)) return NULL;
  int r = bl_process_start(p, plan, &step);
  if (r == 0) return p;
  CHECK_FAIL("start: %d (%s)", r, bl_step_text(step));
  return bl_process_free(p);
}

static struct bl_process *order(const char *text) {
  struct bl_cargo cargo = {text, strlen(text) + 1, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  return start(&plan);
}

static void ends(struct bl_process *p, enum bl_how how, int code) {
  if (!p) return;
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  CHECK_INT(bl_process_exit(p)->how, how);
  CHECK_INT(bl_process_exit(p)->code, code);
  bl_process_free(p);
}

/* Runs the test by both methods; the zygote goes when it is over. Without
 * pidfds (valgrind) there are none. */
static void by_both(void (*test)(void)) {
  method = BL_METHOD_SPAWN;
  test();
  method = BL_METHOD_FORKSERVER;
  if (bl_pidfd_usable()) test();
  bl_zygote_release();
}

#define NEED_ZYGOTES \
  if (!bl_pidfd_usable()) SKIP("no pidfds")

static void tells_status(void) {
  for (int n = 0; n < 3; n++) {
    char text[16];
    snprintf(text, sizeof text, "exit %d", n * 100);
    ends(order(text), BL_HOW_EXITED, n * 100);
  }
}

static void status(void) { by_both(tells_status); }

static void is_told_much(void) {
  enum { SIZE = 1 << 20 };
  char *bytes = malloc(SIZE);
  NEED(bytes != NULL);
  for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 7 + i / 256);
  memcpy(bytes, "sum", 4);
  struct bl_cargo cargo = {bytes, SIZE, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  ends(start(&plan), BL_HOW_EXITED, checksum(bytes, SIZE));
  free(bytes);
}

static void much(void) { by_both(is_told_much); }

static void gets_descriptor(void) {
  int ends_of[2];
  char byte = 0;
  NEED(bl_fd_pipe(ends_of) == 0);
  struct bl_cargo cargo = {"write", 6, &ends_of[1], 1};
  struct bl_plan plan = plan_of(&cargo);
  ends(start(&plan), BL_HOW_EXITED, 0);
  CHECK_INT(bl_fd_read(ends_of[0], &byte, 1), 1);
  CHECK_INT(byte, 'w');
  bl_fd_close(ends_of[0]);
  bl_fd_close(ends_of[1]);
}

static void descriptor(void) { by_both(gets_descriptor); }

/* Its owner's pidfd and the board. */
static void has_few(void) {
  ends(order("fds"), BL_HOW_EXITED, 1 + bl_pidfd_usable());
}

static void few(void) { by_both(has_few); }

static void sees_owner(void) {
  ends(order("owner"), BL_HOW_EXITED, bl_pidfd_usable());
}

static void owner(void) { by_both(sees_owner); }

static void has_text(struct bl_process *p, enum bl_text kind,
                     const char *expected) {
  const char *text = "";
  size_t size = 0;
  CHECK_INT(bl_process_text(p, kind, &text, &size), 1);
  CHECK_INT(size, strlen(expected));
  CHECK(memcmp(text, expected, size) == 0);
}

static void leaves_texts(void) {
  const char *const env[] = {"ZYGOTE_TEST=from the plan", NULL};
  const char *text;
  size_t size;
  struct bl_cargo cargo = {"tell", 5, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  plan.envp = env;
  plan.cwd = "/proc";
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  while (bl_process_text(p, BL_TEXT_READY, &text, &size) == 0 &&
         bl_process_poll(p) == 0)
    bl_poll(NULL, 0, bl_deadline_ns(BL_MILLISECOND_NS));
  has_text(p, BL_TEXT_RESULT, "from the plan");
  has_text(p, BL_TEXT_ERROR, "/proc");
  CHECK_INT(bl_process_signal(p, SIGKILL), 0);
  ends(p, BL_HOW_SIGNALED, SIGKILL);
}

static void texts(void) { by_both(leaves_texts); }

static void fails_at(enum bl_step expected, struct bl_plan *plan, int error) {
  enum bl_step step = BL_STEP_NONE;
  struct bl_process *p = bl_process_new();
  CHECK_INT(bl_process_start(p, plan, &step), error);
  CHECK_INT(step, expected);
  bl_process_free(p);
}

static void tells_step(void) {
  struct bl_plan plan = plan_of(&nothing);
  plan.cwd = "/nonexistent";
  fails_at(BL_STEP_CWD, &plan, -ENOENT);
  const char *const nobody[] = {"/nonexistent", NULL};
  plan = plan_of(&nothing);
  plan.argv = nobody;
  fails_at(BL_STEP_EXEC, &plan, -ENOENT);
}

static void steps(void) { by_both(tells_step); }

static void refuses_too_many(void) {
  static int fds[300];
  struct bl_cargo cargo = {"exit 0", 7, fds, 300};
  struct bl_plan plan = plan_of(&cargo);
  fails_at(BL_STEP_SEND, &plan, BL_ETOOBIG);
}

static void too_many(void) { by_both(refuses_too_many); }

/* Before it listens, or after. */
static void unwinds(void) {
  for (int i = 0; i < 10; i++) {
    struct bl_process *p = order("wait");
    NEED(p != NULL);
    CHECK_INT(bl_process_terminate_controlled(p, 0), 0);
    ends(p, BL_HOW_SIGNALED, SIGKILL);
  }
}

static void controlled(void) { by_both(unwinds); }

static void ends_with_group(void) {
  struct bl_cargo cargo = {"wait", 5, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  plan.pgroup = 1;
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(getpgid(bl_process_pid(p)), bl_process_pid(p));
  CHECK_INT(bl_process_signal_group(p, SIGUSR1), 0);
  ends(p, BL_HOW_SIGNALED, SIGUSR1);
}

static void group(void) { by_both(ends_with_group); }

static void no_program_of_ours(void) {
  const char *const argv[] = {"true", NULL};
  enum bl_step step;
  method = BL_METHOD_SPAWN;
  struct bl_plan plan = plan_of(&nothing);
  plan.argv = argv;
  struct bl_process *p = start(&plan);
  NEED(p != NULL);
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  CHECK_INT(bl_process_late_failure(p, &step), BL_ESTART);
  CHECK_INT(step, BL_STEP_ANSWER);
  bl_process_free(p);
  plan.method = BL_METHOD_FORKSERVER;
  if (bl_pidfd_usable()) fails_at(BL_STEP_ZYGOTE, &plan, BL_ESTART);
}

/* ---- zygotes ---- */

static void one_for_all(void) {
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  ends(order("exit 1"), BL_HOW_EXITED, 1);
  pid_t first = bl_zygote_pid();
  CHECK(first > 0);
  ends(order("exit 2"), BL_HOW_EXITED, 2);
  CHECK_INT(bl_zygote_pid(), first);
  bl_zygote_release();
  CHECK_INT(bl_zygote_pid(), 0);
  CHECK_INT(kill(first, 0), -1);
}

static void replaced(void) {
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  struct bl_process *p = order("wait");
  pid_t first = bl_zygote_pid();
  NEED(p != NULL && first > 0);
  kill(first, SIGKILL);
  ends(order("exit 4"), BL_HOW_EXITED, 4);
  CHECK(bl_zygote_pid() != first);
  CHECK_INT(bl_process_poll(p), 0);
  CHECK_INT(bl_process_signal(p, SIGKILL), 0);
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  bl_process_free(p);
  bl_zygote_release();
}

static void outlived(void) {
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  struct bl_process *p = order("wait");
  NEED(p != NULL);
  pid_t first = bl_zygote_pid();
  bl_zygote_release();
  CHECK_INT(kill(first, 0), 0);
  CHECK_INT(bl_process_signal(p, SIGTERM), 0);
  ends(p, BL_HOW_SIGNALED, SIGTERM);
  CHECK_INT(kill(first, 0), -1);
}

static void does_not_load(const char *how, int error, enum bl_step step,
                          const char *problem) {
  struct bl_cargo preload = {how, strlen(how) + 1, NULL, 0};
  struct bl_plan plan = plan_of(&nothing);
  enum bl_step failed = BL_STEP_NONE;
  plan.preload = &preload;
  plan.start_timeout_ns = BL_SECOND_NS / 4;
  struct bl_process *p = bl_process_new();
  CHECK_INT(bl_process_start(p, &plan, &failed), error);
  CHECK_INT(failed, step);
  const char *got = bl_process_problem(p);
  if (problem) CHECK_STR(got ? got : "none", problem);
  bl_process_free(p);
}

static void unloaded(void) {
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  does_not_load("broken", BL_ELOAD, BL_STEP_PRELOAD, "as it was told");
  does_not_load("hang", BL_ETIMEOUT, BL_STEP_PRELOAD, NULL);
  ends(order("exit 5"), BL_HOW_EXITED, 5);
  bl_zygote_release();
}

/* More records than a socket holds, read after all were sent. */
static void flooded(void) {
  enum { MANY = 600 };
  static struct bl_process *list[MANY];
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  for (int i = 0; i < MANY; i++) {
    char text[16];
    snprintf(text, sizeof text, "exit %d", i % 256);
    list[i] = order(text);
  }
  for (int i = MANY - 1; i >= 0; i--) ends(list[i], BL_HOW_EXITED, i % 256);
  bl_zygote_release();
}

static void asked_for_group(void) {
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  struct bl_cargo cargo = {"wait", 5, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  struct bl_spawned made;
  struct bl_exit record;
  enum bl_step step;
  char *problem = NULL;
  plan.pgroup = 1;
  NEED(bl_zygote_spawn(&plan, &made, &step, &problem) == 0);
  CHECK_INT(bl_ward_exit(made.ward, &record, 0), 0);
  CHECK_INT(bl_ward_signal_group(made.ward, SIGUSR2), 0);
  CHECK_INT(bl_ward_exit(made.ward, &record, CHECK_DEADLINE), 1);
  CHECK_INT(record.how, BL_HOW_SIGNALED);
  CHECK_INT(record.code, SIGUSR2);
  made.ward = bl_ward_free(made.ward);
  bl_spawned_undo(&made);
  bl_zygote_release();
}

/* In a fork the socket is closed, so that only its owner keeps it alive. */
static int has_no_zygote(void) { return bl_zygote_pid() == 0 ? 0 : 1; }

static void not_inherited(void) {
  NEED_ZYGOTES;
  method = BL_METHOD_FORKSERVER;
  ends(order("exit 0"), BL_HOW_EXITED, 0);
  pid_t first = bl_zygote_pid();
  CHECK_INT(check_in_child(has_no_zygote), 0);
  CHECK_INT(bl_zygote_pid(), first);
  ends(order("exit 6"), BL_HOW_EXITED, 6);
  bl_zygote_release();
}

static const struct check_test tests[] = {
    {"a child tells its status", status},
    {"a child is told a megabyte", much},
    {"a child gets descriptors with its cargo", descriptor},
    {"a child has no others but its board and its owner", few},
    {"a child sees its owner live", owner},
    {"a child has the plan's environment and directory, and tells texts", texts},
    {"a step that fails is told, with no child left", steps},
    {"more descriptors than a message holds are refused", too_many},
    {"a child that was told to end before it listened ends", controlled},
    {"a child leads its group", group},
    {"a program that is none of ours is found out", no_program_of_ours},
    {"a zygote serves all starts, and ends when released", one_for_all},
    {"a zygote that was killed is replaced within the start", replaced},
    {"a released zygote stays for the children it has", outlived},
    {"a zygote that cannot load, or hangs, fails the start", unloaded},
    {"a zygote keeps records until they are read", flooded},
    {"a zygote signals a group", asked_for_group},
    {"a zygote is not a forked child's", not_inherited}};

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--worker") == 0) bl_body_end(work());
  self[0] = realpath(argv[0], NULL);
  by_both(tells_status); /* opens what a process has once */
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
