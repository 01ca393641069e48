/* SPDX-License-Identifier: MIT */
#include "runtime/worker.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/limit.h"
#include "runtime/tasklimit.h"

#define MEMORY_LOOK_NS BL_MILLISECOND_NS /* no more often than that */

/* By how much of itself, and at most, a hard limit may be late. */
enum { LATE_SHARE = 16 };
#define MOST_LATE_NS (20 * BL_MILLISECOND_NS)

/* How much memory of its own the process has: pages that are in no file. What
 * it shares with the process that forked it counts alike before and after. */
struct memory {
  int statm; /* BL_FD_NONE: nobody asks, or nobody can tell */
  long page_kib;
  int64_t baseline_kib, looked_ns;
  int full; /* the owner was told */
};

struct server {
  struct bl_link *link;
  const struct bl_worker_work *work;
  struct bl_buf reply;
  struct memory memory;
};

/* ---- memory ---- */

static int64_t own_kib(const struct memory *m) {
  char text[128];
  long resident, shared;
  ssize_t n = pread(m->statm, text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  text[n] = '\0';
  if (sscanf(text, "%*s %ld %ld", &resident, &shared) != 2) return 0;
  return (int64_t)(resident - shared) * m->page_kib;
}

static void begin_memory(struct memory *m, int64_t max_kib) {
  m->statm = BL_FD_NONE;
  if (max_kib <= 0) return;
  m->statm = bl_fd_above_stdio(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  m->page_kib = sysconf(_SC_PAGESIZE) / 1024;
  m->looked_ns = bl_now_ns();
  if (m->statm >= 0) m->baseline_kib = own_kib(m);
}

static int has_too_much(const struct server *s) {
  const struct memory *m = &s->memory;
  return own_kib(m) - m->baseline_kib > s->work->max_memory_kib;
}

/* The task is over, and so are its limits: to shrink takes its time. */
static int is_full(struct server *s) {
  struct memory *m = &s->memory;
  if (m->statm < 0 || m->full) return 0;
  if (bl_now_ns() - m->looked_ns < MEMORY_LOOK_NS) return 0;
  m->full = has_too_much(s);
  if (m->full && s->work->shrink) {
    bl_tasklimit_rest();
    s->work->shrink(s->work->arg);
    malloc_trim(0);
    m->full = has_too_much(s);
  }
  m->looked_ns = bl_now_ns();
  return m->full;
}

/* ---- telling the owner ---- */

static int tell(struct bl_link *l, const struct bl_link_up *head,
                const char *bytes, size_t size) {
  struct iovec parts[2] = {{(void *)(uintptr_t)head, sizeof *head},
                           {(void *)(uintptr_t)bytes, size}};
  int r;
  do {
    r = bl_channel_send(l->channel, parts, size > 0 ? 2 : 1, NULL, 0,
                        BL_FOREVER);
  } while (r == BL_EINTR);
  return r;
}

int bl_worker_up(struct bl_link *l, int status, const char *bytes,
                 size_t size) {
  struct bl_link_up head = {.kind = BL_LINK_UP, .status = (uint32_t)status};
  return tell(l, &head, bytes, size);
}

/* ---- one message ---- */

/* The limits hold before the task counts as started: a timer of the one
 * before, whose time is up just now, then ends a worker that has started
 * nothing. */
static int start(struct server *s, const struct bl_link_down *head) {
  int64_t now = bl_now_ns(), late = head->hard_ns / LATE_SHARE;
  bl_tasklimit_begin(head->soft_ns > 0 ? now + head->soft_ns : BL_FOREVER,
                     head->hard_ns > 0 ? now + head->hard_ns : BL_FOREVER,
                     late < MOST_LATE_NS ? late : MOST_LATE_NS);
  if (bl_desk_start(s->link, head->number, now)) return 1;
  bl_tasklimit_end();
  return 0;
}

static int do_task(struct server *s, const struct bl_link_down *head,
                   struct bl_message *m) {
  struct bl_link_up up = {.kind = BL_LINK_STARTED, .number = head->number};
  struct bl_worker_task task = {.mode = head->mode,
                                .share = head->share,
                                .message = m,
                                .bytes = m->bytes + sizeof *head,
                                .size = m->size - sizeof *head};
  if (!start(s, head)) return 0;
  if (head->flags & BL_LINK_TELL) tell(s->link, &up, NULL, 0);
  bl_buf_cut(&s->reply, 0);
  int status = s->work->run(s->work->arg, &task, &s->reply);
  if (bl_tasklimit_end()) up.flags |= BL_LINK_SOFT;
  if (status < 0) return status;
  if (!bl_desk_finish(s->link, head->number)) return BL_ETERMINATED;
  if (is_full(s)) up.flags |= BL_LINK_FULL;
  up.kind = BL_LINK_RESULT;
  up.status = (uint32_t)status;
  return tell(s->link, &up, bl_buf_front(&s->reply),
              bl_buf_length(&s->reply));
}

/* 1: it is to leave; 0, or an error. */
static int obey(struct server *s, struct bl_message *m) {
  struct bl_link_down head;
  if (m->size < sizeof head) return BL_EBADFRAME;
  memcpy(&head, m->bytes, sizeof head);
  if (head.kind == BL_LINK_LEAVE) return 1;
  if (head.kind == BL_LINK_TASK) return do_task(s, &head, m);
  if (head.kind != BL_LINK_SHARE || !s->work->share) return BL_EBADFRAME;
  s->work->share(s->work->arg, (unsigned)head.number, m->bytes + sizeof head,
                 m->size - sizeof head);
  return 0;
}

static void rest(void *arg) {
  (void)arg;
  bl_tasklimit_rest();
}

int bl_worker_serve(struct bl_link *l, const struct bl_worker_work *work) {
  struct server s = {.link = l, .work = work};
  int r = 0;
  begin_memory(&s.memory, work->max_memory_kib);
  bl_channel_before_sleep(l->channel, rest, NULL);
  while (r == 0 || r == BL_EINTR) {
    struct bl_message m;
    if (bl_limit_requested()) { /* whatever waits goes to another */
      r = BL_ETERMINATED;
      break;
    }
    r = bl_channel_receive(l->channel, &m, SIZE_MAX, BL_FOREVER);
    if (r < 0) continue;
    r = obey(&s, &m);
    bl_message_drop(&m);
  }
  bl_channel_before_sleep(l->channel, NULL, NULL);
  bl_tasklimit_rest();
  bl_buf_reset(&s.reply);
  bl_fd_close(s.memory.statm);
  return r > 0 ? 0 : r;
}
