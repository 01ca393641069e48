/* SPDX-License-Identifier: MIT */
#include "runtime/brood.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "runtime/child.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/lifeline.h"
#include "runtime/order.h"
#include "runtime/poller.h"
#include "runtime/process.h"
#include "runtime/signals.h"

struct chick {
  uint64_t id;
  int waited; /* what the poller knows it by */
  struct bl_process *process;
  struct chick *next;
};

/* Not on the stack, of which a child then writes to fewer pages. */
struct brood {
  int sock;
  int lost; /* the owner is gone */
  const struct bl_brood_work *work;
  uint64_t signals; /* ours, which no child is to inherit; they stay */
  struct bl_poller *poller;
  struct chick *chicks;
  struct bl_packet packet; /* what the owner said */
};

static int own_lifeline = BL_FD_NONE;
static int owner_fd = BL_FD_NONE;

enum { NAME_SIZE = 16 }; /* the kernel's */
static char name_before[NAME_SIZE];

int bl_brood_begin(struct bl_parcel *parcel) {
  if (parcel->kind != BL_PARCEL_ZYGOTE || parcel->n < 1) return BL_EBADFRAME;
  own_lifeline = parcel->fds[0];
  parcel->fds[0] = BL_FD_NONE;
  owner_fd = parcel->owner_fd;
  parcel->owner_fd = BL_FD_NONE;
  parcel->control = BL_FD_NONE; /* for bl_brood_serve() */
  prctl(PR_GET_NAME, name_before); /* for who looks at ps or top */
  prctl(PR_SET_NAME, "billiard-zygote");
  bl_signals_ignore_ends();
  return bl_lifeline_arm(own_lifeline, 0);
}

/* ---- telling ---- */

/* There is room as soon as the owner reads, which it does when it waits for
 * anything from us. */
static void tell(struct brood *b, const struct bl_note *note,
                 const struct bl_note_more *more) {
  int r;
  while ((r = bl_note_send(b->sock, note, more)) == -EAGAIN ||
         r == -EMFILE || r == -ENFILE)
    bl_poll_one(b->sock, POLLOUT, BL_FOREVER);
  if (r < 0) b->lost = 1;
}

static void tell_failed(struct brood *b, uint64_t id, int error,
                        enum bl_step step) {
  struct bl_note note = {
      .kind = BL_NOTE_FAILED, .id = id, .a = error, .b = (int)step};
  tell(b, &note, NULL);
}

static void tell_started(struct brood *b, const struct chick *c) {
  struct bl_note note = {.kind = BL_NOTE_STARTED,
                         .id = c->id,
                         .a = bl_process_pid(c->process)};
  int fd = bl_process_fd(c->process);
  struct bl_note_more more = {.fds = &fd, .n = 1};
  tell(b, &note, &more);
}

void bl_brood_broken(int sock, const char *why, size_t size) {
  struct brood b = {.sock = sock};
  struct bl_note note = {.kind = BL_NOTE_BROKEN};
  struct bl_note_more more = {.parts = {{(void *)(uintptr_t)why, size}}};
  tell(&b, &note, &more);
}

/* ---- the child ---- */

/* What the body of one child is; on the stack of serve(), which it never
 * returns to. */
struct job {
  struct brood *brood;
  const struct bl_order *order;
  struct bl_parcel *parcel;
};

/* All that is the zygote's, and what has served its purpose. */
static void leave_nest(struct job *job) {
  struct brood *b = job->brood;
  prctl(PR_SET_NAME, name_before);
  bl_fd_close(b->sock);
  bl_fd_close(bl_fd_null());
  for (struct chick *c = b->chicks; c; c = c->next)
    bl_process_free(c->process);
  for (int i = 0; i < job->order->n; i++) {
    int *fd = &b->packet.fds[i];
    if (*fd != job->order->plan.lifeline) bl_fd_close(*fd);
    *fd = BL_FD_NONE;
  }
  bl_board_leave();
}

/* The lifeline, which a child has no other use for, tells it of its owner's
 * end until its gate opens. */
static int run_child(void *arg) {
  struct job *job = arg;
  const struct bl_brood_work *work = job->brood->work;
  leave_nest(job);
  job->parcel->owner_fd = owner_fd;
  job->parcel->control = own_lifeline;
  return work->body(work->arg, job->parcel);
}

static void end_child(void *arg, int status) {
  struct job *job = arg;
  const struct bl_brood_work *work = job->brood->work;
  if (work->leave) work->leave(work->arg, status);
}

/* ---- orders ---- */

static int enlist(struct brood *b, struct chick *c) {
  /* the sentinel: it stays open until we let go of the process */
  int fd = bl_process_sentinel(c->process);
  c->waited = bl_poller_add(b->poller, fd, POLLIN);
  if (c->waited < 0) return c->waited;
  c->next = b->chicks;
  b->chicks = c;
  return 0;
}

/* A child that cannot be watched is no child: its gate will not open. */
static int start(struct brood *b, struct chick *c, struct bl_plan *plan,
                 enum bl_step *step) {
  c->process = bl_process_new();
  if (!c->process) return -ENOMEM;
  int r = bl_process_start(c->process, plan, step);
  if (r < 0) return r;
  r = enlist(b, c);
  if (r < 0) {
    bl_process_signal(c->process, SIGKILL);
    bl_process_join(c->process, BL_FOREVER);
  }
  return r;
}

/* The child finds its slot on the owner's board placed. */
static int start_ordered(struct brood *b, struct chick *c,
                         struct bl_order *order, enum bl_step *step) {
  struct bl_parcel parcel;
  struct bl_slot slot;
  struct job job = {b, order, &parcel};
  int bell = BL_FD_NONE;
  int r = bl_parcel_read(&parcel, &b->packet, order->parcel,
                         order->parcel_size, order->n);
  if (r == 0) r = bl_parcel_place(&parcel, &slot, &bell);
  if (r < 0) return r;
  order->plan.body = run_child;
  order->plan.leave = end_child;
  order->plan.arg = &job;
  order->plan.signals = b->signals;
  order->plan.slot = &slot;
  order->plan.bell = bell == BL_FD_NONE ? 0 : bell;
  r = start(b, c, &order->plan, step);
  bl_fd_close(bell);
  return r;
}

static void carry_out(struct brood *b, uint64_t id, const char *bytes,
                      size_t size) {
  struct bl_order order;
  enum bl_step step = BL_STEP_NONE;
  struct chick *c = calloc(1, sizeof *c);
  int r = c ? bl_order_read(&b->packet, bytes, size, &order) : -ENOMEM;
  if (r == 0) {
    c->id = id;
    r = start_ordered(b, c, &order, &step);
    free(order.envp);
  }
  if (r == 0) {
    tell_started(b, c);
    return;
  }
  if (c) bl_process_free(c->process);
  free(c);
  tell_failed(b, id, r, step);
}

static struct chick *find(struct brood *b, uint64_t id) {
  struct chick *c = b->chicks;
  while (c && c->id != id) c = c->next;
  return c;
}

static void obey(struct brood *b) {
  struct bl_note note;
  const char *bytes;
  size_t size;
  if (bl_note_read(&b->packet, &note, &bytes, &size) < 0) return;
  struct chick *c = note.kind == BL_NOTE_ORDER ? NULL : find(b, note.id);
  if (note.kind == BL_NOTE_ORDER) carry_out(b, note.id, bytes, size);
  else if (c && note.kind == BL_NOTE_CONTAIN) bl_process_contain(c->process);
  else if (c && note.kind == BL_NOTE_SIGNAL)
    bl_process_signal_group(c->process, note.a);
}

/* ---- the loop ---- */

static void listen(struct brood *b) {
  int r = bl_packet_receive(b->sock, &b->packet);
  if (r == 1) {
    obey(b);
    bl_packet_erase(&b->packet); /* a parcel may hold a key */
  }
  if (r <= 0 && r != -EAGAIN && r != -EMFILE) b->lost = 1;
}

static void bury(struct brood *b, struct chick **at) {
  struct chick *c = *at;
  struct bl_note note = {.kind = BL_NOTE_EXITED, .id = c->id};
  if (bl_process_poll(c->process) == 0) return;
  note.exit = *bl_process_exit(c->process);
  tell(b, &note, NULL); /* the owner waits; all else has time */
  bl_poller_remove(b->poller, c->waited);
  *at = c->next;
  bl_process_free(c->process);
  free(c);
}

static void look_after(struct brood *b, int waited) {
  struct chick **at = &b->chicks;
  while (*at && (*at)->waited != waited) at = &(*at)->next;
  if (*at) bury(b, at);
}

void bl_brood_serve(int sock, const struct bl_brood_work *work) {
  static struct brood b;
  int error;
  struct bl_note ready = {.kind = BL_NOTE_READY};
  bl_child_watch_exit();
  b.sock = sock;
  b.work = work;
  b.signals = bl_signals_changed();
  b.poller = bl_poller_new(&error);
  int orders = b.poller ? bl_poller_add(b.poller, sock, POLLIN) : -1;
  if (orders < 0) return;
  tell(&b, &ready, NULL);
  while (!b.lost) {
    int n = bl_poller_wait(b.poller, BL_FOREVER);
    for (int i = 0; i < n; i++) {
      int id = bl_poller_ready(b.poller, i);
      if (id == orders) listen(&b);
      else look_after(&b, id);
    }
  }
}
