/* SPDX-License-Identifier: MIT */
#include "runtime/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "runtime/board.h"
#include "runtime/clock.h"
#include "runtime/deliver.h"
#include "runtime/fd.h"
#include "runtime/interrupt.h"
#include "runtime/limit.h"
#include "runtime/notify.h"
#include "runtime/poll.h"
#include "runtime/reap.h"
#include "runtime/spawn.h"
#include "runtime/zygote.h"

enum {
  OWNER_MARGIN_MS = 200, /* a child that unwinds may be late by that */
  RECORD_MS = 50,        /* and the record of a zygote's child by that */
  LAST_RECORD_MS = 1000, /* before somebody is told that there is none */
  LOOK_AGAIN_MS = 5      /* for the end of a child that says nothing of it */
};

/* OWED: it has ended, and its zygote has yet to say how. */
enum state { INITIAL, STARTED, OWED, ENDED };

struct bl_process {
  enum state state;
  struct bl_spawned child;
  struct bl_exit exit;
  int64_t started_ns, ended_ns;
  int64_t kill_at_ns; /* BL_FOREVER: never */
  int program, daemon, group, contained, controlled, ready, notifies;
  int sentinel;       /* handed out: BL_FD_NONE, pidfd or an eventfd */
  uint64_t sent;      /* bit n - 1: signal n */
  int late_error;
  enum bl_step late_step;
  char *problem;
  char *texts[BL_TEXTS]; /* saved from the board, which goes with the child */
  size_t sizes[BL_TEXTS];
  int saved[BL_TEXTS]; /* 0 not yet, 1, or the error of that */
};

struct bl_process *bl_process_new(void) {
  struct bl_process *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->kill_at_ns = BL_FOREVER;
  p->sentinel = p->child.handle.fd = p->child.ready = BL_FD_NONE;
  for (int i = 0; i < 3; i++) p->child.stdio[i] = BL_FD_NONE;
  return p;
}

struct bl_process *bl_process_free(struct bl_process *p) {
  if (!p) return NULL;
  for (int i = 0; i < 3; i++) bl_fd_close(p->child.stdio[i]);
  for (int kind = 0; kind < BL_TEXTS; kind++) free(p->texts[kind]);
  free(p->problem);
  bl_fd_close(p->child.ready);
  bl_ward_free(p->child.ward);
  if (p->state == ENDED) { /* else the child goes on with both */
    bl_lifeline_give(&p->child.lifeline);
    bl_slot_give(&p->child.slot);
  }
  if (p->sentinel != p->child.handle.fd) bl_fd_close(p->sentinel);
  bl_fd_close_own(p->child.handle.fd, &p->child.handle.id);
  free(p);
  return NULL;
}

int bl_process_start(struct bl_process *p, const struct bl_plan *plan,
                     enum bl_step *step) {
  assert(p->state == INITIAL);
  *step = BL_STEP_NONE;
  if (plan->ready_fd && (plan->ready_fd < 3 || plan->ready_notify))
    return -EINVAL;
  if (plan->ready_notify && !plan->argv) return -EINVAL;
  if (!plan->body == !plan->argv || (plan->argv && !plan->argv[0]) ||
      (plan->method == BL_METHOD_FORK) != !plan->cargo)
    return -EINVAL;
  free(p->problem);
  p->problem = NULL;
  int r = plan->method == BL_METHOD_FORKSERVER
              ? bl_zygote_spawn(plan, &p->child, step, &p->problem)
              : bl_spawn(plan, &p->child, step);
  if (r < 0) return r;
  p->started_ns = bl_now_ns();
  p->program = plan->argv && !plan->cargo;
  p->daemon = plan->daemon;
  p->notifies = plan->ready_notify;
  p->group = plan->pgroup || plan->session;
  p->state = STARTED;
  return 0;
}

const char *bl_process_problem(const struct bl_process *p) {
  return p->problem;
}

/* ---- the end ---- */

static void save_text(struct bl_process *p, enum bl_text kind) {
  if (p->saved[kind]) return;
  int r = bl_slot_text(&p->child.slot, kind, &p->texts[kind], &p->sizes[kind]);
  if (r != -ENOENT) p->saved[kind] = r < 0 ? r : 1;
}

/* By a signal of ours, which needs no other explanation. */
static int ended_as_asked(const struct bl_process *p) {
  if (p->exit.how == BL_HOW_EXITED) return 0;
  if (p->exit.how == BL_HOW_UNKNOWN) return p->sent != 0;
  return p->controlled || p->sent >> (p->exit.code - 1) & 1;
}

static void take_answer(struct bl_process *p) {
  if (bl_slot_answer(&p->child.slot, 0, &p->late_step, &p->late_error)) return;
  int failed = p->child.must_answer && !ended_as_asked(p);
  p->late_error = failed ? BL_ESTART : 0;
  p->late_step = BL_STEP_ANSWER;
}

static void note_end(struct bl_process *p, enum state state) {
  if (p->state == STARTED) p->ended_ns = bl_now_ns();
  p->state = state;
  p->kill_at_ns = BL_FOREVER;
}

static void take_in(struct bl_process *p) {
  note_end(p, ENDED);
  if (p->child.slot.board) {
    for (int kind = 0; kind < BL_TEXTS; kind++)
      save_text(p, (enum bl_text)kind);
    take_answer(p);
    bl_slot_give(&p->child.slot);
  }
  bl_lifeline_give(&p->child.lifeline);
  p->child.ward = bl_ward_free(p->child.ward);
  if (p->sentinel != p->child.handle.fd)
    p->child.handle.fd =
        bl_fd_close_own(p->child.handle.fd, &p->child.handle.id);
}

static void kill_when_due(struct bl_process *p) {
  if (p->kill_at_ns == BL_FOREVER || bl_now_ns() < p->kill_at_ns) return;
  p->kill_at_ns = BL_FOREVER;
  bl_process_signal(p, SIGKILL);
}

/* A group outlives its leader, and its number is safe while that is there. */
static void end_group(struct bl_process *p) {
  if (!p->contained || !bl_reap_due(&p->child.handle)) return;
  bl_process_signal_group(p, SIGKILL);
}

/* The zygote is gone: what the kernel knows of the child, which is something
 * once its new parent has reaped it. */
static int rescue_record(struct bl_process *p) {
  int64_t deadline_ns = bl_deadline_ns(RECORD_MS * BL_MILLISECOND_NS);
  if (p->contained) bl_process_signal_group(p, SIGKILL);
  for (;;) {
    int r = bl_reap(&p->child.handle, &p->exit);
    if (r != 1 || p->exit.how != BL_HOW_UNKNOWN) return r;
    if (bl_now_ns() >= deadline_ns) return r;
    bl_poll(NULL, 0, bl_deadline_ns(BL_MILLISECOND_NS));
  }
}

/* The record of a zygote's child, which comes a moment after its end: 1 with
 * it; 0 while the child runs, or the record is owed. A zygote that has been
 * silent for longer than patience_ns is not waited for. */
static int take_record(struct bl_process *p, int64_t patience_ns) {
  int r = bl_ward_exit(p->child.ward, &p->exit, 0);
  if (r == 1) return 1;
  int ended = p->state == OWED ? 1 : bl_poll_one(p->child.handle.fd, POLLIN, 0);
  if (ended <= 0)
    return ended == BL_EINTR || bl_interrupt_is(ended) ? 0 : ended;
  if (r != BL_ECLOSED)
    do r = bl_ward_due(p->child.ward, &p->exit, patience_ns);
    while (r == BL_EINTR);
  if (r == BL_ECLOSED) return rescue_record(p);
  if (r != 1) note_end(p, OWED);
  return r == 1;
}

int bl_process_poll(struct bl_process *p) {
  assert(p->state != INITIAL);
  if (p->state == ENDED) return 1;
  end_group(p);
  int r = p->child.ward ? take_record(p, RECORD_MS * BL_MILLISECOND_NS)
                        : bl_reap(&p->child.handle, &p->exit);
  if (r > 0) take_in(p);
  if (r == 0) kill_when_due(p);
  return p->state == OWED ? 1 : r;
}

/* Without a deadline of any kind the kernel does all the waiting. */
static int join_for_ever(struct bl_process *p) {
  int r = (int)bl_interrupt_peek();
  if (r == 0) r = bl_reap_wait(&p->child.handle, &p->exit);
  if (r > 0) take_in(p);
  /* a request that comes before the call sleeps is sent again (limit.c) */
  if (r != BL_EINTR || bl_interrupt_peek() == BL_INTERRUPT_NONE) return r;
  return (int)bl_interrupt_peek();
}

/* Without a pidfd the descriptor is readable before the end where the child
 * has closed its side (pidfd.h): then a poll would spin. */
static int look_later(int64_t until_ns) {
  int64_t next_ns = bl_deadline_ns(LOOK_AGAIN_MS * BL_MILLISECOND_NS);
  return bl_poll(NULL, 0, next_ns < until_ns ? next_ns : until_ns);
}

/* A zygote's child: its record says what its pidfd does, and one wake-up is
 * cheaper than two; for a while, as who knows how the zygote is. */
static int await_record(struct bl_process *p, int64_t until_ns) {
  struct pollfd fds[2] = {
      {.fd = bl_ward_fd(p->child.ward), .events = POLLIN},
      {.fd = p->child.handle.fd, .events = POLLIN}};
  int64_t soon_ns = bl_deadline_ns(RECORD_MS * BL_MILLISECOND_NS);
  if (bl_ward_told(p->child.ward)) return 1;
  if (fds[0].fd != BL_FD_NONE) {
    int r = bl_poll(fds, 1, soon_ns < until_ns ? soon_ns : until_ns);
    if (r != 0 || soon_ns >= until_ns) return r;
  }
  return bl_poll(fds, 2, until_ns);
}

static int join_owed(struct bl_process *p, int64_t deadline_ns) {
  int r = bl_ward_exit(p->child.ward, &p->exit, deadline_ns);
  if (r == BL_ECLOSED) r = rescue_record(p);
  if (r == 1) take_in(p);
  return r;
}

static int await_end(struct bl_process *p, int64_t until_ns) {
  if (p->child.ward) return await_record(p, until_ns);
  return bl_poll_one(p->child.handle.fd, POLLIN, until_ns);
}

int bl_process_join(struct bl_process *p, int64_t deadline_ns) {
  assert(p->state != INITIAL);
  if (p->state == ENDED) return 1;
  if (deadline_ns == BL_FOREVER && p->kill_at_ns == BL_FOREVER &&
      !p->contained && !p->child.ward) {
    int r = join_for_ever(p);
    if (r != -ECHILD) return r;
  }
  for (;;) {
    if (p->state == ENDED) return 1;
    if (p->state == OWED) return join_owed(p, deadline_ns);
    int64_t due = p->kill_at_ns;
    int64_t until = due < deadline_ns ? due : deadline_ns;
    int readable = await_end(p, until);
    if (readable < 0) return readable;
    int r = bl_process_poll(p);
    if (p->state == OWED) continue;
    if (r != 0 || (until == deadline_ns && bl_now_ns() >= deadline_ns))
      return r;
    if (readable && !p->child.ward && (r = look_later(until)) < 0) return r;
  }
}

/* ---- signals ---- */

/* Notes that it was sent: an end by it needs no other explanation. */
static int has_ended(struct bl_process *p, int signo) {
  if (p->state == ENDED) return 1;
  if (signo > 0) p->sent |= UINT64_C(1) << (signo - 1);
  return 0;
}

/* A child that is stopped before it let go of its copy of our lifelines would
 * keep its siblings alive after our death: stop it a moment later. */
static void await_setup(struct bl_process *p) {
  enum bl_step step;
  int error;
  if (!p->child.slot.board) return;
  int64_t deadline_ns = bl_deadline_ns(BL_SECOND_NS);
  while (!bl_slot_answer(&p->child.slot, BL_MILLISECOND_NS, &step, &error) &&
         bl_poll_one(p->child.handle.fd, POLLIN, 0) == 0 &&
         bl_now_ns() < deadline_ns) {
  }
}

int bl_process_signal(struct bl_process *p, int signo) {
  assert(p->state != INITIAL);
  if (signo == SIGSTOP && p->state == STARTED) await_setup(p);
  return has_ended(p, signo) ? 0 : bl_deliver(&p->child, signo);
}

int bl_process_signal_group(struct bl_process *p, int signo) {
  assert(p->state != INITIAL && p->group);
  return has_ended(p, signo) ? 0 : bl_deliver_group(&p->child, signo);
}

void bl_process_contain(struct bl_process *p) {
  assert(p->state != INITIAL && p->group);
  p->contained = 1;
  if (p->child.ward) bl_ward_contain(p->child.ward);
}

static int ask_to_unwind(struct bl_process *p, int64_t grace_ns) {
  if (has_ended(p, bl_limit_signal())) return 0;
  return bl_deliver_request(&p->child, bl_limit_signal(),
                            bl_limit_terminate_value(grace_ns));
}

int bl_process_terminate_controlled(struct bl_process *p, int64_t grace_ns) {
  int r = bl_process_poll(p);
  if (r != 0) return r < 0 ? r : 0;
  r = p->program ? bl_process_signal(p, SIGTERM) : ask_to_unwind(p, grace_ns);
  if (r < 0) return r;
  bl_process_signal(p, SIGCONT); /* a stopped one cannot unwind */
  p->controlled = 1;
  int64_t margin = p->program ? 0 : OWNER_MARGIN_MS * BL_MILLISECOND_NS;
  p->kill_at_ns = bl_deadline_ns(grace_ns);
  if (p->kill_at_ns < BL_FOREVER - margin) p->kill_at_ns += margin;
  return 0;
}

/* ---- what is known ---- */

int64_t bl_process_due(const struct bl_process *p) { return p->kill_at_ns; }
pid_t bl_process_pid(const struct bl_process *p) { return p->child.handle.pid; }
int bl_process_daemon(const struct bl_process *p) { return p->daemon; }
int bl_process_controlled(const struct bl_process *p) { return p->controlled; }
int bl_process_fd(const struct bl_process *p) { return p->child.handle.fd; }

int bl_process_owed(const struct bl_process *p) { return p->state == OWED; }

const struct bl_exit *bl_process_exit(struct bl_process *p) {
  if (p->state != OWED) return &p->exit;
  if (take_record(p, LAST_RECORD_MS * BL_MILLISECOND_NS) <= 0)
    p->exit = (struct bl_exit){.how = BL_HOW_UNKNOWN};
  take_in(p);
  return &p->exit;
}

int64_t bl_process_started_ns(const struct bl_process *p) {
  return p->started_ns;
}

int64_t bl_process_ended_ns(const struct bl_process *p) { return p->ended_ns; }

int bl_process_sentinel(struct bl_process *p) {
  assert(p->state != INITIAL);
  if (p->sentinel != BL_FD_NONE) return p->sentinel;
  if (p->state == STARTED) return p->sentinel = p->child.handle.fd;
  int fd = bl_fd_above_stdio(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd >= 0) p->sentinel = fd;
  return fd;
}

int bl_process_take_stdio(struct bl_process *p, int which) {
  int fd = p->child.stdio[which];
  p->child.stdio[which] = BL_FD_NONE;
  return fd;
}

static int take_notice(struct bl_process *p) {
  if (p->ready) return 1;
  int r = bl_notify_ready(p->child.ready, p->child.handle.pid);
  p->ready = r > 0;
  return r;
}

int bl_process_ready(struct bl_process *p) {
  char bytes[256];
  if (p->notifies) return take_notice(p);
  while (!p->ready) {
    ssize_t n = bl_fd_read(p->child.ready, bytes, sizeof bytes);
    if (n == -EAGAIN) return 0;
    if (n <= 0) return n < 0 ? (int)n : BL_ESTART;
    p->ready = memchr(bytes, '\n', (size_t)n) != NULL;
  }
  return 1;
}

int bl_process_ready_fd(const struct bl_process *p) { return p->child.ready; }

int bl_process_text(struct bl_process *p, enum bl_text kind,
                    const char **text, size_t *size) {
  assert(p->state != INITIAL);
  if (p->state != ENDED && p->child.slot.board) save_text(p, kind);
  *text = p->texts[kind];
  *size = p->sizes[kind];
  return p->saved[kind];
}

int bl_process_late_failure(struct bl_process *p, enum bl_step *step) {
  *step = p->late_step;
  return p->late_error;
}
