/* SPDX-License-Identifier: MIT */
/* What the native tests share. A test is a function and a sentence:
 *
 *   static void ends_up_empty(void) { CHECK(bl_buf_length(&b) == 0); }
 *   CHECK_MAIN({"a buffer is empty once all was eaten", ends_up_empty})
 *
 * A failed CHECK fails the test and goes on, a failed NEED leaves it. A test
 * that leaves a child, or an open descriptor more than before, has failed. */
#ifndef CHECK_H
#define CHECK_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/clock.h"

struct check_test {
  const char *name;
  void (*run)(void);
};

static char check_why[1024];    /* the first reason, "" while all is well */
static char check_skipped[128]; /* why there is nothing to test here */

/* Limits of address space cannot hold there. */
#ifdef __SANITIZE_ADDRESS__
#define CHECK_ASAN 1
#else
#define CHECK_ASAN 0
#endif

#define CHECK_DEADLINE bl_deadline_ns(30 * BL_SECOND_NS)

#define CHECK_FAIL(...)                                                      \
  (check_why[0] ? 0 : snprintf(check_why, sizeof check_why, __VA_ARGS__))

#define CHECK(condition) check_true(__LINE__, #condition, (condition) != 0)

/* CHECK(a == b) for integers, which are shown. */
#define CHECK_INT(actual, expected)                                          \
  check_int(__LINE__, #actual, (long long)(actual), (long long)(expected))

#define CHECK_STR(actual, expected)                                          \
  check_str(__LINE__, #actual, (actual), (expected))

#define NEED(condition)                                                      \
  do {                                                                       \
    if (!CHECK(condition)) return;                                           \
  } while (0)

#define SKIP(why)                                                            \
  do {                                                                       \
    snprintf(check_skipped, sizeof check_skipped, "%s", why);                \
    return;                                                                  \
  } while (0)

/* Under valgrind, which keeps no limit of descriptors that are received? */
static inline int check_emulated(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  return preloaded && strstr(preloaded, "vgpreload");
}

static inline int check_true(int line, const char *what, int is_true) {
  if (!is_true) CHECK_FAIL("line %d: %s", line, what);
  return is_true;
}

static inline int check_int(int line, const char *what, long long actual,
                            long long expected) {
  if (actual == expected) return 1;
  CHECK_FAIL("line %d: %s is %lld, not %lld", line, what, actual, expected);
  return 0;
}

static inline int check_str(int line, const char *what, const char *actual,
                            const char *expected) {
  if (strcmp(actual, expected) == 0) return 1;
  CHECK_FAIL("line %d: %s is \"%s\", not \"%s\"", line, what, actual, expected);
  return 0;
}

static inline int check_entries(const char *folder) {
  int n = 0;
  DIR *d = opendir(folder);
  if (!d) return -1;
  while (readdir(d)) n++;
  closedir(d);
  return n;
}

static inline int check_fds(void) { return check_entries("/proc/self/fd"); }

static inline int check_has_child(void) {
  return waitpid(-1, NULL, WNOHANG) >= 0;
}

static inline int check_run(const struct check_test *test) {
  int fds = check_fds();
  check_why[0] = check_skipped[0] = '\0';
  test->run();
  if (check_has_child()) CHECK_FAIL("a child is left");
  int left = check_fds() - fds;
  if (left > 0) CHECK_FAIL("%d descriptors are left open", left);
  if (check_why[0]) printf("not ok %s: %s\n", test->name, check_why);
  else if (check_skipped[0]) printf("skipped %s: %s\n", test->name, check_skipped);
  else printf("ok %s\n", test->name);
  return check_why[0] != '\0';
}

/* Runs a function in a forked child; its exit status, or -N for signal N. */
static inline int check_in_child(int (*run)(void)) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) _exit(run());
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int check_all(const struct check_test *tests, size_t n) {
  int failed = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < n; i++) failed += check_run(&tests[i]);
  return failed > 0;
}

#define CHECK_MAIN(...)                                                      \
  int main(void) {                                                           \
    static const struct check_test tests[] = {__VA_ARGS__};                  \
    return check_all(tests, sizeof tests / sizeof tests[0]);                 \
  }

#endif
