/* SPDX-License-Identifier: MIT */
/* What a child is told that is no fork, by both ways to start one. */
#include "runtime/parcel.h"

#include "spec/native/remote.h"

static void status(void) { by_both(tells_status); }

static void is_told_much(void) {
  enum { SIZE = 1 << 20 };
  char *bytes = malloc(SIZE);
  NEED(bytes != NULL);
  for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 7 + i / 256);
  memcpy(bytes, "sum", 4);
  struct bl_cargo cargo = {bytes, SIZE, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  ends(start(&plan), BL_HOW_EXITED, remote_sum(bytes, SIZE));
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

/* A child that is told to exit with 7 once it may; what becomes of it when the
 * owner has said its word (0: none) and closed its end. */
static void leaves_with(void (*word)(const struct bl_slot *slot), int status) {
  struct bl_slot slot;
  struct bl_cargo cargo = {"exit 7", 7, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  int ends_of[2], got = 0;
  NEED(CHECK_INT(bl_slot_take(&slot), 0));
  NEED(CHECK_INT(bl_fd_socketpair(ends_of), 0));
  CHECK_INT(bl_parcel_send(ends_of[0], &plan, &slot), 0);
  pid_t pid = fork();
  if (pid == 0) {
    bl_fd_close(ends_of[0]);
    struct bl_packet packet;
    struct bl_parcel p;
    if (bl_parcel_receive(ends_of[1], &packet, &p) < 0) _exit(96);
    _exit(remote_accept(&p));
  }
  bl_fd_close(ends_of[1]);
  if (word) word(&slot);
  bl_fd_close(ends_of[0]);
  waitpid(pid, &got, 0);
  CHECK(WIFEXITED(got));
  CHECK_INT(WEXITSTATUS(got), status);
  bl_slot_give(&slot);
}

static void says_go(const struct bl_slot *slot) { bl_gate_open(slot, 0); }

static void may_or_not(void) {
  leaves_with(says_go, 7);
  leaves_with(bl_gate_refuse, 98);
  leaves_with(NULL, 98);
}

REMOTE_MAIN({"a child tells its status", status},
            {"a child is told a megabyte", much},
            {"a child gets descriptors with its cargo", descriptor},
            {"a child has no others but its board and its owner", few},
            {"a child sees its owner live", owner},
            {"a child has the plan's environment and directory, and tells texts", texts},
            {"a step that fails is told, with no child left", steps},
            {"more descriptors than a message holds are refused", too_many},
            {"a child that was told to end before it listened ends", controlled},
            {"a child leads its group", group},
            {"a child runs its body when it may, and leaves when it never may",
             may_or_not},
            {"a program that is none of ours is found out", no_program_of_ours})
