/* SPDX-License-Identifier: MIT */
#include "runtime/zygote.h"

#include "spec/native/remote.h"

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

REMOTE_MAIN({"a zygote serves all starts, and ends when released", one_for_all},
            {"a zygote that was killed is replaced within the start", replaced},
            {"a released zygote stays for the children it has", outlived},
            {"a zygote that cannot load, or hangs, fails the start", unloaded},
            {"a zygote keeps records until they are read", flooded},
            {"a zygote signals a group", asked_for_group},
            {"a zygote is not a forked child's", not_inherited})
