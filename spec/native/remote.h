/* SPDX-License-Identifier: MIT */
/* What the tests of children that are no forks share: a program that starts
 * itself again, as a child that does what a word of its cargo says, or as a
 * zygote of such. REMOTE_MAIN instead of CHECK_MAIN. */
#ifndef REMOTE_H
#define REMOTE_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "runtime/body.h"
#include "runtime/brood.h"
#include "runtime/fd.h"
#include "runtime/parcel.h"
#include "runtime/poll.h"
#include "runtime/process.h"
#include "runtime/zygote.h"
#include "spec/native/check.h"

/* ---- the children ---- */

static inline int remote_fds(void) {
  int n = 0;
  for (int fd = 3; fd < 100; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

static inline int remote_sum(const char *bytes, size_t size) {
  unsigned sum = 0;
  for (size_t i = 0; i < size; i++) sum = sum * 31 + (unsigned char)bytes[i];
  return (int)(sum % 251);
}

static inline void remote_tell(enum bl_text kind, const char *text) {
  bl_body_tell(kind, text ? text : "", text ? strlen(text) : 0);
}

static inline int remote_obey(struct bl_parcel *p) {
  char word[32] = "", folder[256];
  int n = 0;
  sscanf(p->bytes, "%31s %d", word, &n);
  if (strcmp(word, "exit") == 0) return n;
  if (strcmp(word, "sum") == 0) return remote_sum(p->bytes, p->size);
  if (strcmp(word, "write") == 0) return write(p->fds[0], "w", 1) == 1 ? 0 : 1;
  if (strcmp(word, "fds") == 0) return remote_fds() - p->n;
  if (strcmp(word, "owner") == 0)
    return p->owner_fd != BL_FD_NONE && bl_poll_one(p->owner_fd, POLLIN, 0) == 0;
  if (strcmp(word, "tell") == 0) {
    remote_tell(BL_TEXT_RESULT, getenv("ZYGOTE_TEST"));
    remote_tell(BL_TEXT_ERROR, getcwd(folder, sizeof folder));
    remote_tell(BL_TEXT_READY, "ready");
  }
  for (;;) pause();
}

static inline int remote_accept(struct bl_parcel *p) {
  if (bl_parcel_accept(p) < 0 || bl_parcel_wait(p) < 0) return 98;
  p->control = bl_fd_close(p->control);
  return remote_obey(p);
}

static inline int remote_run(void *unused, struct bl_parcel *p) {
  (void)unused;
  return remote_accept(p);
}

static inline int remote_serve(struct bl_parcel *p) {
  struct bl_brood_work work = {remote_run, NULL, NULL};
  if (bl_brood_begin(p) < 0) return 97;
  if (strncmp(p->bytes, "broken", 6) == 0)
    bl_brood_broken(BL_CONTROL_FD, "as it was told", 14);
  else if (strncmp(p->bytes, "hang", 4) == 0)
    for (;;) pause();
  else
    bl_brood_serve(BL_CONTROL_FD, &work);
  return 0;
}

static inline int remote_work(void) {
  struct bl_packet packet;
  struct bl_parcel p;
  if (bl_parcel_receive(BL_CONTROL_FD, &packet, &p) < 0) return 96;
  if (p.kind == BL_PARCEL_ZYGOTE) return remote_serve(&p);
  return remote_accept(&p);
}

/* ---- starting them ---- */

static const char *remote_self[] = {NULL, "--worker", NULL}; /* this program */
static const struct bl_cargo nothing = {"-", 2, NULL, 0};
static enum bl_method method; /* of the test that runs */

static inline struct bl_plan plan_of(const struct bl_cargo *cargo) {
  return (struct bl_plan){.argv = remote_self,
                          .method = method,
                          .cargo = cargo,
                          .preload = &nothing,
                          .stdio = {{.kind = BL_STDIO_NULL}}};
}

static inline struct bl_process *start(const struct bl_plan *plan) {
  enum bl_step step;
  struct bl_process *p = bl_process_new();
  if (!CHECK(p != NULL)) return NULL;
  int r = bl_process_start(p, plan, &step);
  if (r == 0) return p;
  CHECK_FAIL("start: %d (%s)", r, bl_step_text(step));
  return bl_process_free(p);
}

static inline struct bl_process *order(const char *text) {
  struct bl_cargo cargo = {text, strlen(text) + 1, NULL, 0};
  struct bl_plan plan = plan_of(&cargo);
  return start(&plan);
}

static inline void ends(struct bl_process *p, enum bl_how how, int code) {
  if (!p) return;
  CHECK_INT(bl_process_join(p, CHECK_DEADLINE), 1);
  CHECK_INT(bl_process_exit(p)->how, how);
  CHECK_INT(bl_process_exit(p)->code, code);
  bl_process_free(p);
}

/* Runs the test by both methods; the zygote goes when it is over. Without
 * pidfds (valgrind) there are none. */
static inline void by_both(void (*test)(void)) {
  method = BL_METHOD_SPAWN;
  test();
  method = BL_METHOD_FORKSERVER;
  if (bl_pidfd_usable()) test();
  bl_zygote_release();
}

#define NEED_ZYGOTES \
  if (!bl_pidfd_usable()) SKIP("no pidfds")

static inline void tells_status(void) {
  for (int n = 0; n < 3; n++) {
    char text[16];
    snprintf(text, sizeof text, "exit %d", n * 100);
    ends(order(text), BL_HOW_EXITED, n * 100);
  }
}

#define REMOTE_MAIN(...)                                                     \
  int main(int argc, char **argv) {                                          \
    static const struct check_test tests[] = {__VA_ARGS__};                  \
    if (argc == 2 && strcmp(argv[1], "--worker") == 0)                       \
      bl_body_end(remote_work());                                            \
    remote_self[0] = realpath(argv[0], NULL);                                \
    by_both(tells_status); /* opens what a process has once */               \
    return check_all(tests, sizeof tests / sizeof tests[0]);                 \
  }

#endif
