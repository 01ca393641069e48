/* SPDX-License-Identifier: MIT */
#include "runtime/mutex.h"

#include <signal.h>
#include <sys/eventfd.h>

#include "runtime/fd.h"
#include "runtime/interrupt.h"
#include "runtime/shm.h"
#include "spec/native/check.h"

/* A mutex and a counter, on memory of their own. */
struct shared {
  struct bl_mutex mutex;
  int64_t count, half;
};

static struct bl_shm memory;
static struct shared *shared;

static int open_shared(void) {
  int r = bl_shm_new(&memory, "test", 4096, 4096);
  shared = memory.at;
  return CHECK_INT(r, 0) && CHECK_INT(bl_mutex_init(&shared->mutex), 0);
}

/* Forks a child that runs f, then waits to be killed where f returns. */
static pid_t child(void (*f)(void)) {
  int bell = eventfd(0, 0);
  pid_t pid = fork();
  if (pid == 0) {
    uint64_t one = 1;
    f();
    bl_fd_write(bell, &one, sizeof one);
    for (;;) pause();
  }
  uint64_t count;
  bl_fd_read(bell, &count, sizeof count);
  bl_fd_close(bell);
  return pid;
}

static void end(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

static void take(void) {
  if (bl_mutex_take(&shared->mutex, BL_FOREVER) < 0) _exit(1);
}

static void belongs_to_one(void) {
  NEED(open_shared());
  CHECK_INT(bl_mutex_give(&shared->mutex), -EPERM);
  CHECK_INT(bl_mutex_try(&shared->mutex), BL_MUTEX_TAKEN);
  CHECK_INT(bl_mutex_try(&shared->mutex), BL_EDEADLOCK);
  CHECK_INT(bl_mutex_take(&shared->mutex, BL_FOREVER), BL_EDEADLOCK);
  CHECK_INT(bl_mutex_give(&shared->mutex), 0);
  CHECK_INT(bl_mutex_give(&shared->mutex), -EPERM);
  bl_shm_drop(&memory);
}

static void waits_until_the_deadline(void) {
  NEED(open_shared());
  pid_t holder = child(take);
  CHECK_INT(bl_mutex_try(&shared->mutex), -EBUSY);
  CHECK_INT(bl_mutex_take(&shared->mutex, 0), BL_ETIMEOUT);
  int64_t begun = bl_now_ns();
  CHECK_INT(bl_mutex_take(&shared->mutex,
                          bl_deadline_ns(250 * BL_MILLISECOND_NS)),
            BL_ETIMEOUT);
  CHECK(bl_now_ns() - begun >= 250 * BL_MILLISECOND_NS);
  CHECK_INT(bl_mutex_give(&shared->mutex), -EPERM);
  kill(holder, SIGSTOP); /* and is not robbed */
  CHECK_INT(bl_mutex_take(&shared->mutex,
                          bl_deadline_ns(50 * BL_MILLISECOND_NS)),
            BL_ETIMEOUT);
  end(holder);
  bl_shm_drop(&memory);
}

static void passes_on_at_death(void) {
  NEED(open_shared());
  end(child(take));
  CHECK_INT(bl_mutex_try(&shared->mutex), BL_MUTEX_INHERITED);
  CHECK_INT(bl_mutex_give(&shared->mutex), 0);
  CHECK_INT(bl_mutex_try(&shared->mutex), BL_MUTEX_TAKEN); /* told once */
  CHECK_INT(bl_mutex_give(&shared->mutex), 0);
  bl_shm_drop(&memory);
}

static void is_looked_at(void) {
  NEED(open_shared());
  CHECK_INT(bl_mutex_holder(&shared->mutex), 0);
  CHECK_INT(bl_mutex_visit(&shared->mutex, 0), BL_MUTEX_TAKEN);
  CHECK_INT(bl_mutex_holder(&shared->mutex), gettid());
  CHECK_INT(bl_mutex_insist(&shared->mutex), BL_EDEADLOCK);
  bl_mutex_give(&shared->mutex);
  pid_t holder = child(take);
  CHECK_INT(bl_mutex_holder(&shared->mutex), holder);
  CHECK_INT(bl_mutex_visit(&shared->mutex, 0), BL_ETIMEOUT);
  CHECK_INT(bl_mutex_is_left(&shared->mutex), 0);
  end(holder);
  CHECK_INT(bl_mutex_holder(&shared->mutex), 0);
  CHECK_INT(bl_mutex_is_left(&shared->mutex), 1);
  CHECK_INT(bl_mutex_insist(&shared->mutex), BL_MUTEX_INHERITED);
  CHECK_INT(bl_mutex_is_left(&shared->mutex), 0);
  bl_mutex_give(&shared->mutex);
  bl_shm_drop(&memory);
}

static void take_and_exec(void) {
  take();
  execlp("sleep", "sleep", "60", (char *)NULL);
  _exit(2);
}

static void passes_on_at_exec(void) {
  NEED(open_shared());
  pid_t pid = fork();
  if (pid == 0) take_and_exec();
  int r, deaths = 0;
  int64_t deadline_ns = CHECK_DEADLINE;
  do { /* it may not have taken it yet */
    r = bl_mutex_take(&shared->mutex, deadline_ns);
    if (r >= 0) bl_mutex_give(&shared->mutex);
    deaths += r == BL_MUTEX_INHERITED;
  } while (r == BL_MUTEX_TAKEN && bl_now_ns() < deadline_ns);
  CHECK_INT(deaths, 1);
  CHECK_INT(waitpid(pid, NULL, WNOHANG), 0); /* it lives */
  end(pid);
  bl_shm_drop(&memory);
}

static void take_and_exit(void) {
  take();
  _exit(0);
}

static void passes_on_to_a_sleeper(void) {
  NEED(open_shared());
  pid_t holder = child(take), killer = fork();
  if (killer == 0) {
    struct timespec nap = {0, 50000000}; /* so that the other one sleeps */
    nanosleep(&nap, NULL);
    kill(holder, SIGKILL);
    _exit(0);
  }
  CHECK_INT(bl_mutex_take(&shared->mutex, CHECK_DEADLINE), BL_MUTEX_INHERITED);
  CHECK_INT(bl_mutex_give(&shared->mutex), 0);
  waitpid(killer, NULL, 0);
  waitpid(holder, NULL, 0);
  pid_t leaver = fork();
  if (leaver == 0) take_and_exit();
  waitpid(leaver, NULL, 0);
  CHECK_INT(bl_mutex_take(&shared->mutex, CHECK_DEADLINE), BL_MUTEX_INHERITED);
  CHECK_INT(bl_mutex_give(&shared->mutex), 0);
  bl_shm_drop(&memory);
}

static void is_not_the_childs(void) {
  NEED(open_shared());
  CHECK_INT(bl_mutex_try(&shared->mutex), BL_MUTEX_TAKEN);
  pid_t pid = fork();
  if (pid == 0)
    _exit(bl_mutex_give(&shared->mutex) == -EPERM &&
                  bl_mutex_try(&shared->mutex) == -EBUSY
              ? 0
              : 1);
  int status = 1;
  waitpid(pid, &status, 0);
  CHECK_INT(status, 0);
  CHECK_INT(bl_mutex_give(&shared->mutex), 0); /* still ours */
  bl_shm_drop(&memory);
}

static void sees_requests(void) {
  NEED(open_shared());
  pid_t holder = child(take);
  bl_interrupt_set(BL_INTERRUPT_TERMINATE);
  CHECK_INT(bl_mutex_take(&shared->mutex, CHECK_DEADLINE), BL_ETERMINATED);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_TERMINATE);
  end(holder);
  bl_shm_drop(&memory);
}

/* Counts twice under the mutex; who inherits it mends what is half done. */
static void count(void) {
  for (;;) {
    int r = bl_mutex_take(&shared->mutex, BL_FOREVER);
    if (r < 0) _exit(1);
    if (r == BL_MUTEX_INHERITED) shared->half = shared->count;
    shared->half++;
    shared->count++;
    if (shared->half != shared->count) _exit(2);
    bl_mutex_give(&shared->mutex);
  }
}

static void survives_many_deaths(void) {
  enum { WORKERS = 3, KILLS = 600 };
  pid_t workers[WORKERS] = {0};
  NEED(open_shared());
  for (int i = 0; i < KILLS; i++) {
    pid_t *w = &workers[i % WORKERS];
    int status = 0;
    if (*w) {
      kill(*w, SIGKILL);
      waitpid(*w, &status, 0);
      CHECK(WIFSIGNALED(status));
    }
    *w = fork();
    if (*w == 0) count();
  }
  for (int i = 0; i < WORKERS; i++) end(workers[i]);
  CHECK(bl_mutex_take(&shared->mutex, CHECK_DEADLINE) >= 0);
  CHECK(shared->count > 0 && shared->half - shared->count <= 1);
  bl_mutex_give(&shared->mutex);
  bl_shm_drop(&memory);
}

CHECK_MAIN({"a mutex belongs to one, who alone gives it", belongs_to_one},
           {"waiting for it ends at the deadline", waits_until_the_deadline},
           {"the death of its holder passes it on, told once",
            passes_on_at_death},
           {"as does its executing a program", passes_on_at_exec},
           {"a look tells who has it, or had", is_looked_at},
           {"also to who sleeps for it", passes_on_to_a_sleeper},
           {"a forked child holds nothing", is_not_the_childs},
           {"a request to end this process ends the wait", sees_requests},
           {"killing its holders leaves it whole", survives_many_deaths})
