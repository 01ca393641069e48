/* SPDX-License-Identifier: MIT */
#include "runtime/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "runtime/bell.h"
#include "runtime/channel_impl.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/packet.h"
#include "runtime/poll.h"
#include "runtime/self.h"

#define MAGIC UINT64_C(0x316c656e6e616863) /* "channel1" */

/* A kind: which end, and whether the channel goes both ways. */
enum { END = 1, DUPLEX = 2, KINDS = 4 };

static unsigned end_of(const struct bl_channel *c) { return c->kind & END; }

int bl_channel_readable(const struct bl_channel *c) {
  return (c->kind & DUPLEX) || end_of(c) == 0;
}

int bl_channel_writable(const struct bl_channel *c) {
  return (c->kind & DUPLEX) || end_of(c) == 1;
}

/* ---- making ends ---- */

/* Takes what is in `memory`. */
static int make_end(unsigned kind, int sock, const struct bl_shm *memory,
                    struct bl_channel **end) {
  struct bl_channel *c = calloc(1, sizeof *c);
  if (!c) return -ENOMEM;
  struct bl_channel_memory *shared = memory->at;
  c->kind = kind;
  c->sock = sock;
  c->memory = *memory;
  c->out = &shared->lanes[end_of(c)];
  c->in = &shared->lanes[!end_of(c)];
  c->bell = BL_FD_NONE;
  bl_self_remember();
  *end = c;
  return 0;
}

static int new_memory(struct bl_shm *m) {
  size_t size = sizeof(struct bl_channel_memory);
  int r = bl_shm_new(m, "billiard-channel", size, size);
  if (r == 0) ((struct bl_channel_memory *)m->at)->magic = MAGIC;
  return r;
}

/* Another descriptor and mapping of it: each end closes its own. */
static int same_memory(const struct bl_shm *m, struct bl_shm *copy) {
  int fd = bl_fd_copy(m->fd);
  return fd < 0 ? fd : bl_shm_adopt(copy, fd, m->size, m->size);
}

static int new_sockets(int socks[2]) {
  int raw[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, raw) < 0)
    return -errno;
  socks[0] = bl_fd_above_stdio(raw[0]);
  socks[1] = bl_fd_above_stdio(raw[1]);
  return socks[0] < 0 ? socks[0] : socks[1] < 0 ? socks[1] : 0;
}

int bl_channel_pair(int duplex, struct bl_channel *ends[2]) {
  struct bl_shm memory[2] = {{.fd = BL_FD_NONE}, {.fd = BL_FD_NONE}};
  struct bl_channel *made[2] = {NULL, NULL};
  int socks[2] = {BL_FD_NONE, BL_FD_NONE};
  unsigned kind = duplex ? DUPLEX : 0;
  int r = new_sockets(socks);
  if (r == 0) r = new_memory(&memory[0]);
  if (r == 0) r = same_memory(&memory[0], &memory[1]);
  if (r == 0) r = make_end(kind, socks[0], &memory[0], &made[0]);
  if (r == 0) r = make_end(kind | END, socks[1], &memory[1], &made[1]);
  if (r == 0) {
    ends[0] = made[0];
    ends[1] = made[1];
    return 0;
  }
  for (int i = 0; i < 2; i++) {
    free(made[i]);
    bl_shm_drop(&memory[i]);
    if (socks[i] >= 0) bl_fd_close(socks[i]);
  }
  return r;
}

static void drop_set(struct bl_channel_set *set) {
  set->poller = bl_poller_free(set->poller);
}

static void let_go(struct bl_channel *c) {
  if (c->sock == BL_FD_NONE) return;
  if (c->waiting && bl_channel_owns(&c->room)) bl_wake_leave(&c->out->room);
  c->waiting = 0;
  c->sock = bl_fd_close(c->sock);
  /* the next send rings, and so learns whether there is anybody else */
  if (bl_channel_readable(c)) bl_wake_once(&c->in->data);
  bl_shm_drop(&c->memory);
}

struct bl_channel *bl_channel_free(struct bl_channel *c) {
  if (!c) return NULL;
  let_go(c);
  drop_set(&c->room);
  drop_set(&c->watch);
  bl_fd_close(c->bell);
  free(c);
  return NULL;
}

/* ---- travelling ---- */

void bl_channel_fds(const struct bl_channel *c, int fds[BL_CHANNEL_FDS]) {
  fds[0] = c->sock;
  fds[1] = c->memory.fd;
}

unsigned bl_channel_kind(const struct bl_channel *c) { return c->kind; }

void bl_channel_settle(struct bl_channel *c) {
  c->memory.fd = bl_fd_close(c->memory.fd);
}

static int is_option(int sock, int option, int expected) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(sock, SOL_SOCKET, option, &value, &size) == 0 &&
         value == expected;
}

static int judge(unsigned kind, int sock) {
  return kind < KINDS && is_option(sock, SO_DOMAIN, AF_UNIX) &&
                 is_option(sock, SO_TYPE, SOCK_SEQPACKET)
             ? 0
             : BL_EBADFRAME;
}

int bl_channel_adopt(unsigned kind, const int fds[BL_CHANNEL_FDS],
                     struct bl_channel **c) {
  struct bl_shm memory = {.fd = BL_FD_NONE};
  size_t size = sizeof(struct bl_channel_memory);
  int r = bl_shm_adopt(&memory, fds[1], size, size);
  if (r == 0) r = judge(kind, fds[0]);
  if (r == 0 && ((struct bl_channel_memory *)memory.at)->magic != MAGIC)
    r = BL_EBADFRAME;
  if (r == 0) r = make_end(kind, fds[0], &memory, c);
  if (r == 0) return 0;
  bl_shm_drop(&memory);
  bl_fd_close(fds[0]);
  return r;
}

/* ---- what sending and receiving share ---- */

int bl_channel_owns(const struct bl_channel_set *set) {
  return set->poller && set->pid == bl_self_pid();
}

int bl_channel_renew(struct bl_channel_set *set) {
  int error = 0;
  drop_set(set);
  set->poller = bl_poller_new(&error);
  set->pid = bl_self_pid();
  return set->poller ? 0 : error;
}

int bl_channel_ring(const struct bl_channel *c, enum bl_channel_bell kind) {
  char byte = (char)kind;
  if (send(c->sock, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) return 0;
  return errno == EPIPE || errno == ECONNRESET ? BL_ECLOSED : -EAGAIN;
}

void bl_channel_hush(const struct bl_channel *c) {
  char byte;
  recv(c->sock, &byte, 1, MSG_DONTWAIT);
}

int bl_channel_deserted(const struct bl_channel *c) {
  return bl_poll_one(c->sock, 0, 0) > 0;
}

static void end(struct bl_channel *c, int verdict) {
  c->verdict = verdict;
  if (bl_channel_owns(&c->watch) && !c->rung) bl_bell_ring(c->bell);
  c->rung = 1;
}

void bl_channel_before_sleep(struct bl_channel *c, void (*f)(void *arg),
                             void *arg) {
  c->before_sleep = f;
  c->arg = arg;
}

void bl_channel_attend(struct bl_channel *c) { c->attended = 1; }

void bl_channel_condemn(struct bl_channel *c) { end(c, BL_EBADFRAME); }

void bl_channel_shut(struct bl_channel *c) {
  end(c, BL_ECLOSED);
  let_go(c);
}

int bl_channel_verdict(struct bl_channel *c) {
  int verdict = c->verdict;
  if (verdict != 0) c->verdict = BL_ECLOSED;
  return verdict;
}

int64_t bl_channel_until(int64_t deadline_ns, int64_t length_ns) {
  int64_t now = bl_now_ns();
  return deadline_ns - now < length_ns ? deadline_ns : now + length_ns;
}
