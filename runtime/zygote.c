/* SPDX-License-Identifier: MIT */
#include "runtime/zygote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/lock.h"
#include "runtime/order.h"
#include "runtime/parcel.h"
#include "runtime/poll.h"
#include "runtime/reap.h"
#include "runtime/self.h"
#include "runtime/spawn.h"

struct bl_ward {
  struct bl_zygote *zygote;
  uint64_t id;
  int told;
  struct bl_exit exit;
  struct bl_ward *next;
};

/* Touched by its own thread alone, but for `next`. */
struct bl_zygote {
  pid_t tid;
  int sock; /* BL_FD_NONE: it is gone */
  int released;
  int64_t due_ns; /* since then it owes somebody a record; 0: nobody */
  struct bl_spawned self;
  uint64_t ids;
  struct bl_ward *wards;
  char *key; /* what it was made from: argv and preload */
  size_t key_size;
  struct bl_zygote *next;
};

static struct bl_zygote *zygotes; /* bl_lock */

/* In every fork: with a copy of the socket open a zygote would outlive its
 * owner. The memory stays, as it may be in use by a handle that was copied. */
static void forget(void) {
  for (struct bl_zygote *z = zygotes; z; z = z->next) {
    z->sock = bl_fd_close(z->sock);
    z->self.handle.fd =
        bl_fd_close_own(z->self.handle.fd, &z->self.handle.id);
  }
  zygotes = NULL;
}

/* ---- the end of a zygote ---- */

static void delist(struct bl_zygote *gone) {
  bl_lock();
  struct bl_zygote **at = &zygotes;
  while (*at && *at != gone) at = &(*at)->next;
  if (*at) *at = gone->next;
  bl_unlock();
}

/* It has nothing to put in order, so it is killed, however it is. */
static void bury(struct bl_zygote *z) {
  if (z->sock == BL_FD_NONE) return;
  z->sock = bl_fd_close(z->sock);
  if (bl_reap_owned(&z->self.handle)) {
    kill(z->self.handle.pid, SIGKILL);
    bl_reap_unborn(z->self.handle.pid);
  }
  bl_spawned_undo(&z->self);
}

static void free_if_spent(struct bl_zygote *z) {
  if (z->wards) return;
  if (z->released) bury(z);
  if (z->sock != BL_FD_NONE) return;
  delist(z);
  free(z->key);
  free(z);
}

static void release(struct bl_zygote *z) {
  if (!z) return;
  z->released = 1;
  free_if_spent(z);
}

/* ---- what it tells ---- */

static void take_exit(struct bl_zygote *z, const struct bl_note *note) {
  z->due_ns = 0;
  for (struct bl_ward *w = z->wards; w; w = w->next)
    if (w->id == note->id) {
      w->told = 1;
      w->exit = note->exit;
    }
}

/* What stands in the socket is there also after a reset (the zygote died with
 * orders unread), which the first look gets in its place. */
static int receive(int sock, struct bl_packet *p) {
  int r = bl_packet_receive(sock, p);
  return r == 0 ? bl_packet_receive(sock, p) : r;
}

/* Takes the next note: 1 with *p to be dropped; 0 at the deadline; BL_ECLOSED
 * when it is gone, which buries it; BL_EINTR, BL_ETERMINATED. Exits have been
 * taken note of. */
static int next_note(struct bl_zygote *z, int64_t deadline_ns,
                     struct bl_note *note, struct bl_packet *p) {
  const char *bytes;
  size_t size;
  for (;;) {
    int r = z->sock == BL_FD_NONE ? BL_ECLOSED : receive(z->sock, p);
    if (r == -EAGAIN) {
      if (deadline_ns <= 0) return 0;
      r = bl_poll_one(z->sock, POLLIN, deadline_ns);
      if (r <= 0) return r;
      continue;
    }
    if (r <= 0 || bl_note_read(p, note, &bytes, &size) < 0) {
      if (r > 0) bl_packet_drop(p);
      bury(z);
      return BL_ECLOSED;
    }
    if (note->kind == BL_NOTE_EXITED) take_exit(z, note);
    return 1;
  }
}

/* The same for what start() waits for, through signal handlers: the answer to
 * order `id`. */
static int answer(struct bl_zygote *z, uint64_t id, int64_t deadline_ns,
                  struct bl_note *note, struct bl_packet *p) {
  for (;;) {
    int r = next_note(z, deadline_ns, note, p);
    if (r == 1 && note->kind != BL_NOTE_EXITED && note->id == id) return 1;
    if (r == 1) bl_packet_drop(p); /* of another child */
    else if (r != BL_EINTR && r < 0) return r;
    if (r != 0) continue;
    bury(z); /* it hangs, and who knows in what state */
    return BL_ETIMEOUT;
  }
}

/* ---- its start ---- */

/* 0 when it is ready to fork. */
static int await_ready(struct bl_zygote *z, int64_t deadline_ns,
                       enum bl_step *step, char **problem) {
  struct bl_note note;
  struct bl_packet p;
  const char *text;
  size_t size;
  *step = BL_STEP_PRELOAD;
  int r = answer(z, 0, deadline_ns, &note, &p);
  if (r == BL_ECLOSED) *step = BL_STEP_ZYGOTE;
  if (r < 0) return r == BL_ECLOSED ? BL_ESTART : r;
  if (note.kind == BL_NOTE_BROKEN) {
    bl_note_read(&p, &note, &text, &size);
    *problem = strndup(text, size);
  }
  bl_packet_drop(&p);
  return note.kind == BL_NOTE_READY ? 0 : BL_ELOAD;
}

/* Its stdout and stderr are ours, for what modules may say as they load. */
static int run(struct bl_zygote *z, const struct bl_plan *plan,
               enum bl_step *step) {
  int ends[2];
  struct bl_plan own = {.argv = plan->argv,
                        .start_timeout_ns = plan->start_timeout_ns,
                        .stdio = {{.kind = BL_STDIO_NULL}}};
  struct bl_lifeline line;
  *step = BL_STEP_ZYGOTE;
  int r = bl_fd_socketpair(ends);
  if (r < 0) return r;
  z->sock = ends[0];
  own.control = ends[1];
  r = bl_lifeline_take(&line);
  if (r == 0) {
    r = bl_parcel_send_zygote(z->sock, plan->preload, line.fd);
    bl_lifeline_handed_over(&line);
    if (r == 0) r = bl_spawn(&own, &z->self, step);
    if (r == 0) z->self.lifeline = line;
    else bl_lifeline_give(&line);
  }
  bl_fd_close(ends[1]);
  if (r < 0) z->sock = bl_fd_close(z->sock);
  return r;
}

static struct bl_zygote *zygote_new(char *key, size_t size) {
  struct bl_zygote *z = calloc(1, sizeof *z);
  if (!z) return NULL;
  z->tid = bl_self_tid();
  z->sock = BL_FD_NONE;
  z->self = bl_spawned_nothing;
  z->key = key;
  z->key_size = size;
  bl_lock_at_fork(forget);
  bl_lock();
  z->next = zygotes;
  zygotes = z;
  bl_unlock();
  return z;
}

/* This thread's, unless it is on its way out. */
static struct bl_zygote *current(void) {
  pid_t tid = bl_self_tid();
  bl_lock();
  struct bl_zygote *z = zygotes;
  while (z && (z->tid != tid || z->released || z->sock == BL_FD_NONE))
    z = z->next;
  bl_unlock();
  return z;
}

/* The one that fits the plan: kept or made. */
static int find(const struct bl_plan *plan, int64_t deadline_ns,
                struct bl_zygote **out, enum bl_step *step, char **problem) {
  size_t size;
  char *key = bl_order_key(plan, &size);
  if (!key) return -ENOMEM;
  struct bl_zygote *z = current();
  if (z && z->key_size == size && memcmp(z->key, key, size) == 0) {
    free(key);
    *out = z;
    return 0;
  }
  release(z);
  z = zygote_new(key, size);
  if (!z) {
    free(key);
    return -ENOMEM;
  }
  int r = run(z, plan, step);
  if (r == 0) r = await_ready(z, deadline_ns, step, problem);
  if (r == 0) *out = z;
  else release(z);
  return r;
}

void bl_zygote_release(void) { release(current()); }

pid_t bl_zygote_pid(void) {
  struct bl_zygote *z = current();
  return z ? z->self.handle.pid : 0;
}

/* ---- children ---- */

static struct bl_ward *ward_new(struct bl_zygote *z) {
  struct bl_ward *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->zygote = z;
  w->id = ++z->ids;
  w->next = z->wards;
  z->wards = w;
  return w;
}

struct bl_ward *bl_ward_free(struct bl_ward *w) {
  if (!w) return NULL;
  struct bl_zygote *z = w->zygote;
  struct bl_ward **at = &z->wards;
  while (*at != w) at = &(*at)->next;
  *at = w->next;
  free(w);
  free_if_spent(z);
  return NULL;
}

/* Takes the pidfd that came with the note. */
static int started(const struct bl_note *note, struct bl_packet *p,
                   struct bl_spawned *made) {
  if (note->kind != BL_NOTE_STARTED || p->n < 1) return BL_EBADFRAME;
  made->handle.pid = note->a;
  bl_pidfd_take(&made->handle, p->fds[0]);
  p->fds[0] = BL_FD_NONE;
  return 0;
}

/* Has a child forked that waits at its gate. */
static int order(struct bl_ward *w, const struct bl_plan *plan,
                 const struct bl_handover *h, struct bl_spawned *made,
                 enum bl_step *step) {
  struct bl_note note;
  struct bl_packet p;
  struct bl_zygote *z = w->zygote;
  int lifeline = made->lifeline.group ? made->lifeline.fd : BL_FD_NONE;
  *step = BL_STEP_SEND;
  int r = bl_order_send(z->sock, w->id, plan, h, &made->slot, lifeline);
  if (r == BL_ECLOSED) bury(z);
  if (r < 0) return r;
  *step = BL_STEP_ANSWER;
  r = answer(z, w->id, bl_handover_deadline(plan), &note, &p);
  if (r < 0) return r;
  if (note.kind == BL_NOTE_FAILED) {
    *step = (enum bl_step)note.b;
    r = note.a;
  } else {
    r = started(&note, &p, made);
  }
  bl_packet_drop(&p);
  return r;
}

/* The word to go on comes last: an order that was never answered can be
 * repeated, as whatever it may have started leaves without it. */
static int ask(struct bl_zygote *z, const struct bl_plan *plan,
               const struct bl_handover *h, struct bl_spawned *made,
               enum bl_step *step) {
  *step = BL_STEP_SEND;
  made->ward = ward_new(z);
  int r = made->ward ? order(made->ward, plan, h, made, step) : -ENOMEM;
  if (r == 0) {
    bl_gate_open(&made->slot, 0);
    return 0;
  }
  bl_gate_refuse(&made->slot);
  made->ward = bl_ward_free(made->ward);
  return r;
}

static int spawn(const struct bl_plan *plan, struct bl_handover *h,
                 struct bl_spawned *made, enum bl_step *step,
                 char **problem) {
  int64_t deadline_ns = bl_handover_deadline(plan);
  fflush(NULL); /* as before a fork: what we wrote comes first */
  bl_self_remember();
  *step = BL_STEP_PIDFD;
  if (!bl_pidfd_usable()) return BL_ENOTIMPL;
  int r = bl_handover_prepare(plan, h, made, step);
  if (r < 0) return r;
  made->must_answer = 1;
  for (int tries = 2; tries > 0; tries--) {
    struct bl_zygote *z = NULL;
    r = find(plan, deadline_ns, &z, step, problem);
    if (r < 0) return r;
    *step = BL_STEP_BOARD;
    r = bl_slot_take(&made->slot);
    if (r == 0) r = ask(z, plan, h, made, step);
    if (r != BL_ECLOSED) return r;
    bl_slot_give(&made->slot); /* another try has one of its own */
  }
  return BL_ESTART;
}

int bl_zygote_spawn(const struct bl_plan *plan, struct bl_spawned *out,
                    enum bl_step *step, char **problem) {
  struct bl_handover h = bl_handover_nothing;
  struct bl_spawned made = bl_spawned_nothing;
  int r = spawn(plan, &h, &made, step, problem);
  bl_handover_close(plan, &h, &made);
  if (r == 0) *out = made;
  else bl_spawned_undo(&made);
  return r;
}

int bl_ward_exit(struct bl_ward *w, struct bl_exit *out, int64_t deadline_ns) {
  struct bl_note note;
  struct bl_packet p;
  while (!w->told) {
    int r = next_note(w->zygote, deadline_ns, &note, &p);
    if (r <= 0) return r;
    bl_packet_drop(&p);
  }
  *out = w->exit;
  return 1;
}

int bl_ward_due(struct bl_ward *w, struct bl_exit *out, int64_t patience_ns) {
  struct bl_zygote *z = w->zygote;
  if (z->due_ns == 0) z->due_ns = bl_now_ns();
  return bl_ward_exit(w, out, z->due_ns + patience_ns);
}

int bl_ward_told(const struct bl_ward *w) { return w->told; }

int bl_ward_fd(const struct bl_ward *w) { return w->zygote->sock; }

int bl_ward_contain(struct bl_ward *w) {
  struct bl_note note = {.kind = BL_NOTE_CONTAIN, .id = w->id};
  return bl_note_send(w->zygote->sock, &note, NULL);
}

int bl_ward_signal_group(struct bl_ward *w, int signo) {
  struct bl_note note = {.kind = BL_NOTE_SIGNAL, .id = w->id, .a = signo};
  return bl_note_send(w->zygote->sock, &note, NULL);
}
