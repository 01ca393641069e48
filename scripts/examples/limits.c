/* SPDX-License-Identifier: MIT */
/* Starts, limits, times out and joins children, without Lua:
 *   cc limits.c $(pkg-config --cflags --libs billiard) */
#include <billiard.h>
#include <signal.h>
#include <stdio.h>

static int say(struct bl_process *p, const char *name, int r) {
  const struct bl_exit *end = bl_process_exit(p);
  if (r < 0) printf("%-8s failed: %s\n", name, bl_error_text(r));
  else if (end->how == BL_HOW_EXITED)
    printf("%-8s exited with %d\n", name, end->code);
  else if (end->how == BL_HOW_SIGNALED)
    printf("%-8s ended of %s\n", name, bl_signal_name(end->code));
  return r < 0;
}

/* Starts what is planned, ends it after timeout_ns, and tells how it ended:
 * the exit status, -N for signal N. */
static int run(const char *name, const struct bl_plan *plan,
               int64_t timeout_ns) {
  enum bl_step step;
  struct bl_process *p = bl_process_new();
  if (!p) return 1000;
  int r = bl_process_start(p, plan, &step);
  if (r < 0) {
    printf("%-8s %s (%s)\n", name, bl_error_text(r), bl_step_text(step));
    bl_process_free(p);
    return r;
  }
  r = bl_process_join(p, bl_deadline_ns(timeout_ns));
  if (r == 0) {
    printf("%-8s takes too long\n", name);
    bl_process_signal(p, SIGKILL);
    r = bl_process_join(p, BL_FOREVER);
  }
  int failed = say(p, name, r);
  const struct bl_exit *end = bl_process_exit(p);
  int status = end->how == BL_HOW_SIGNALED ? -end->code : end->code;
  bl_process_free(p);
  return failed ? 1000 : status;
}

static int sum(void *arg) { /* runs in a forked child */
  const int *numbers = arg;
  return numbers[0] + numbers[1];
}

static int spin(void *arg) {
  for (volatile int turning = 1; turning;) (void)arg;
  return 0;
}

int main(void) {
  int numbers[2] = {20, 22};
  const char *const sleeper[] = {"sleep", "3600", NULL};
  const char *const missing[] = {"no-such-program", NULL};
  struct bl_plan body = {.body = sum, .arg = numbers};
  struct bl_plan limited = {.body = spin};
  struct bl_plan program = {.argv = sleeper, .daemon = 1};
  struct bl_plan wrong = {.argv = missing};
  limited.limits[BL_LIMIT_CPU] = (struct bl_limit_value){1, 1}; /* second */

  int ok = run("sum", &body, BL_FOREVER) == 42;
  ok &= run("spinner", &limited, 50 * BL_SECOND_NS) == -SIGXCPU;
  ok &= run("sleeper", &program, BL_SECOND_NS / 10) == -SIGKILL;
  ok &= run("nobody", &wrong, BL_FOREVER) < 0;
  return ok ? 0 : 1;
}
