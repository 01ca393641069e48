/* SPDX-License-Identifier: MIT */
/* Two tables: watches by id, and the watches of each descriptor by its number,
 * as a list of ids. epoll knows a descriptor once, for the events of its whole
 * list. The data of an epoll event is the number and its slot's generation: an
 * event of an older generation comes from a file that was closed here. */
#include "runtime/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/lock.h"

enum { NONE = -1 }; /* no id */

struct watch {
  int fd; /* BL_FD_NONE: free, or its file is gone */
  int next; /* of the same fd, or of the free ones */
  uint32_t events;
};

struct slot {
  int first;
  uint32_t generation;
};

struct bl_poller {
  int fd;     /* BL_FD_NONE in a fork */
  int always; /* an eventfd that is always ready; BL_FD_NONE: none needed yet */
  int count;
  int free; /* list of free watches */
  int capacity; /* of the three arrays */
  struct watch *watches;
  struct epoll_event *events;
  int *ready;
  int slot_count;
  struct slot *slots; /* by fd */
  struct bl_fd_id id, always_id;
  struct bl_poller *next, *previous; /* all of this process */
};

static struct bl_poller *pollers; /* bl_lock */

static void close_fds(struct bl_poller *p) {
  p->fd = bl_fd_close_own(p->fd, &p->id);
  p->always = bl_fd_close_own(p->always, &p->always_id);
}

static void close_in_child(void) {
  for (struct bl_poller *p = pollers; p; p = p->next) close_fds(p);
  pollers = NULL;
}

static void enlist(struct bl_poller *p) {
  bl_lock_at_fork(close_in_child);
  bl_lock();
  p->next = pollers;
  if (p->next) p->next->previous = p;
  pollers = p;
  bl_unlock();
}

static void delist(struct bl_poller *p) {
  bl_lock();
  if (p->next) p->next->previous = p->previous;
  if (p->previous) p->previous->next = p->next;
  else pollers = p->next;
  bl_unlock();
}

static int new_set(void) {
  return bl_fd_above_stdio(epoll_create1(EPOLL_CLOEXEC));
}

struct bl_poller *bl_poller_new(int *error) {
  struct bl_poller *p = calloc(1, sizeof *p);
  int fd = p ? new_set() : -ENOMEM;
  if (fd < 0) {
    free(p);
    *error = fd;
    return NULL;
  }
  p->fd = fd;
  p->always = BL_FD_NONE;
  p->free = NONE;
  bl_fd_identify(fd, &p->id);
  enlist(p);
  return p;
}

struct bl_poller *bl_poller_free(struct bl_poller *p) {
  if (!p) return NULL;
  if (p->fd != BL_FD_NONE) delist(p);
  close_fds(p);
  free(p->watches);
  free(p->events);
  free(p->ready);
  free(p->slots);
  free(p);
  return NULL;
}

/* ---- the tables ---- */

static int more_watches(struct bl_poller *p) {
  if (p->free != NONE) return 0;
  int n = p->capacity ? 2 * p->capacity : 8;
  struct watch *w = realloc(p->watches, (size_t)n * sizeof *w);
  if (w) p->watches = w;
  struct epoll_event *e = realloc(p->events, (size_t)n * sizeof *e);
  if (e) p->events = e;
  int *ready = realloc(p->ready, (size_t)n * sizeof *ready);
  if (ready) p->ready = ready;
  if (!w || !e || !ready) return -ENOMEM;
  for (int id = n - 1; id >= p->capacity; id--) {
    p->watches[id] = (struct watch){BL_FD_NONE, p->free, 0};
    p->free = id;
  }
  p->capacity = n;
  return 0;
}

static int more_slots(struct bl_poller *p, int fd) {
  if (fd < p->slot_count) return 0;
  int n = p->slot_count ? p->slot_count : 32;
  while (n <= fd) n *= 2;
  struct slot *slots = realloc(p->slots, (size_t)n * sizeof *slots);
  if (!slots) return -ENOMEM;
  p->slots = slots;
  for (int i = p->slot_count; i < n; i++) p->slots[i] = (struct slot){NONE, 0};
  p->slot_count = n;
  return 0;
}

static void link_watch(struct bl_poller *p, int id, int fd) {
  p->watches[id].fd = fd;
  p->watches[id].next = p->slots[fd].first;
  p->slots[fd].first = id;
}

static void unlink_watch(struct bl_poller *p, int id) {
  int *at = &p->slots[p->watches[id].fd].first;
  while (*at != id) at = &p->watches[*at].next;
  *at = p->watches[id].next;
}

/* The number is another file's by now: these are never ready again. */
static void orphan(struct bl_poller *p, int fd) {
  for (int id = p->slots[fd].first; id != NONE; id = p->watches[id].next)
    p->watches[id].fd = BL_FD_NONE;
  p->slots[fd].first = NONE;
}

/* ---- what the kernel is told ---- */

static int control(struct bl_poller *p, int operation, int fd,
                   uint32_t events) {
  for (int id = p->slots[fd].first; id != NONE; id = p->watches[id].next)
    events |= p->watches[id].events;
  struct epoll_event e = {.events = events};
  e.data.u64 = (uint64_t)p->slots[fd].generation << 32 | (uint32_t)fd;
  return epoll_ctl(p->fd, operation, fd, &e) < 0 ? -errno : 0;
}

/* Adds events to what fd is watched for. */
static int extend(struct bl_poller *p, int fd, uint32_t events) {
  if (p->slots[fd].first != NONE) {
    int r = control(p, EPOLL_CTL_MOD, fd, events);
    if (r != -ENOENT) return r;
    orphan(p, fd);
  }
  p->slots[fd].generation++;
  int r = control(p, EPOLL_CTL_ADD, fd, events);
  /* a file that was closed here came back to its number */
  return r == -EEXIST ? control(p, EPOLL_CTL_MOD, fd, events) : r;
}

/* The descriptor that stands for all that is always ready. */
static int always(struct bl_poller *p) {
  if (p->always != BL_FD_NONE) return p->always;
  int fd = bl_fd_above_stdio(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd < 0) return fd;
  p->always = fd;
  bl_fd_identify(fd, &p->always_id);
  return fd;
}

/* Has fd watched; returns the descriptor that is, which may stand for it. */
static int watch(struct bl_poller *p, int fd, uint32_t events) {
  if (fd == BL_FD_NONE) return fd;
  int r = more_slots(p, fd);
  if (r == 0) r = extend(p, fd, events);
  if (r == -EPERM && fd != p->always) {
    fd = always(p);
    return fd < 0 ? fd : watch(p, fd, events);
  }
  return r < 0 ? r : fd;
}

int bl_poller_add(struct bl_poller *p, int fd, int events) {
  uint32_t wanted = (events & POLLIN ? EPOLLIN : 0u) |
                    (events & POLLOUT ? EPOLLOUT : 0u) |
                    (events & BL_POLLER_EDGE ? EPOLLET : 0u);
  int r = more_watches(p);
  if (r < 0) return r;
  int watched = watch(p, fd, wanted);
  if (watched < 0 && fd != BL_FD_NONE) return watched;
  int id = p->free;
  p->free = p->watches[id].next;
  p->watches[id] = (struct watch){BL_FD_NONE, NONE, wanted};
  if (watched != BL_FD_NONE) link_watch(p, id, watched);
  p->count++;
  return id;
}

void bl_poller_remove(struct bl_poller *p, int id) {
  int fd = p->watches[id].fd;
  if (fd != BL_FD_NONE) { /* a failure means that fd was closed */
    unlink_watch(p, id);
    control(p, p->slots[fd].first == NONE ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, fd,
            0);
  }
  p->watches[id] = (struct watch){BL_FD_NONE, p->free, 0};
  p->free = id;
  p->count--;
}

/* ---- waiting ---- */

/* Enters what is watched into a new set, but for what was closed. */
static int enter_all(struct bl_poller *p) {
  for (int fd = 0; fd < p->slot_count; fd++) {
    if (p->slots[fd].first == NONE) continue;
    int r = control(p, EPOLL_CTL_ADD, fd, 0);
    if (r == -EBADF) orphan(p, fd);
    else if (r < 0) return r;
  }
  return 0;
}

/* Puts a new set in the place of one that knows files we cannot name. */
static int renew(struct bl_poller *p) {
  int fresh = new_set();
  if (fresh < 0) return fresh;
  int r = dup3(fresh, p->fd, O_CLOEXEC) < 0 ? -errno : 0;
  bl_fd_close(fresh);
  return r < 0 ? r : enter_all(p);
}

static const uint32_t FAILED = EPOLLERR | EPOLLHUP;

/* Writes the ids of one event to *ready; how many, or -ESTALE. */
static int take(const struct bl_poller *p, const struct epoll_event *e,
                int *ready) {
  const struct slot *slot = &p->slots[(uint32_t)e->data.u64];
  int n = 0;
  if (slot->generation != e->data.u64 >> 32 || slot->first == NONE)
    return -ESTALE;
  for (int id = slot->first; id != NONE; id = p->watches[id].next)
    if (e->events & (p->watches[id].events | FAILED)) ready[n++] = id;
  return n;
}

static int collect(struct bl_poller *p, int events) {
  int n = 0, stale = 0;
  for (int i = 0; i < events; i++) {
    int r = take(p, &p->events[i], p->ready + n);
    if (r < 0) stale = 1;
    else n += r;
  }
  int r = stale ? renew(p) : 0;
  return r < 0 ? r : n;
}

int bl_poller_wait(struct bl_poller *p, int64_t deadline_ns) {
  for (;;) { /* the set is a descriptor too: poll.c does the waiting */
    int r = bl_poll_one(p->fd, POLLIN, deadline_ns);
    if (r <= 0) return r;
    r = more_watches(p); /* the set may be empty, but for a stale file */
    if (r < 0) return r;
    r = epoll_wait(p->fd, p->events, p->capacity, 0);
    r = r < 0 ? -errno : collect(p, r);
    if (r != 0) return r;
  }
}

int bl_poller_ready(const struct bl_poller *p, int i) { return p->ready[i]; }
int bl_poller_fd(const struct bl_poller *p) { return p->fd; }
int bl_poller_count(const struct bl_poller *p) { return p->count; }
