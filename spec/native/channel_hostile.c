/* SPDX-License-Identifier: MIT */
/* A peer that writes what it likes into the memory and the socket. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "runtime/channel_impl.h"
#include "runtime/fd.h"
#include "runtime/packet.h"
#include "runtime/pause.h"
#include "spec/native/traffic.h"

static struct bl_channel *ends[2];

#define SHORTLY bl_deadline_ns(2 * BL_MILLISECOND_NS)

/* ---- in the memory ---- */

static uint64_t garbage(uint32_t *state) {
  uint64_t r = traffic_random(state), any = r << 40 ^ r << 17 ^ r;
  const uint64_t chosen[] = {0,
                             1,
                             7,
                             8,
                             16,
                             BL_RING_SIZE,
                             BL_RING_SIZE + 8,
                             UINT32_MAX,
                             INT64_MAX,
                             UINT64_MAX,
                             UINT64_MAX - 7,
                             (uint64_t)getpid(),
                             any,
                             any & 0xFFF8,
                             any & 0xFF,
                             1u << 22};
  return chosen[traffic_random(state) % (sizeof chosen / sizeof *chosen)];
}

/* child: writes over every word, for ever; the words that steer more often. */
static void scribble(struct bl_channel *c, uint32_t seed) {
  _Atomic uint64_t *words = c->memory.at;
  size_t all = c->memory.size / 8, lane = sizeof(struct bl_lane) / 8;
  size_t first = offsetof(struct bl_channel_memory, lanes) / 8;
  size_t steering = offsetof(struct bl_lane, ring.data) / 8 + 4;
  for (uint32_t state = seed;;) {
    size_t at = traffic_random(&state) % all;
    if (traffic_random(&state) % 8)
      at = first + traffic_random(&state) % 2 * lane +
           traffic_random(&state) % steering;
    if (traffic_random(&state) % 4)
      atomic_fetch_add(&words[at], traffic_random(&state) % 3 * 8);
    else words[at] = garbage(&state);
    for (uint32_t n = traffic_random(&state) % 512; n > 0; n--)
      bl_pause();
  }
}

static int is_fair(int r) {
  return r == 0 || r == BL_ETIMEOUT || r == BL_EBADFRAME || r == BL_ECLOSED;
}

/* Uses the channel until it is condemned; what it said then. */
static int use(struct bl_channel *c, uint32_t seed, int64_t until_ns) {
  static char bytes[200000];
  int r = 0, fd = bl_channel_fd(c);
  while (bl_now_ns() < until_ns) {
    r = traffic_send(c, bytes, traffic_random(&seed) % 120000, SHORTLY);
    if (r == BL_EBADFRAME || !CHECK(is_fair(r))) return r;
    CHECK_INT(bl_channel_fd(c), fd);
    r = bl_channel_look(c, SHORTLY);
    if (!CHECK(r == 1 || r == BL_ETIMEOUT)) return r;
    r = traffic_skip(c, SHORTLY);
    if (r == BL_EBADFRAME || !CHECK(is_fair(r))) return r;
  }
  return BL_EBADFRAME; /* lucky */
}

static void survives_scribbling(void) {
  int64_t end = bl_now_ns() + 4 * BL_SECOND_NS;
  int rounds = 0, condemned = 0;
  while (rounds < 400 && bl_now_ns() < end) {
    NEED(bl_channel_pair(1, ends) == 0);
    pid_t pid = fork();
    if (pid == 0) scribble(ends[1], (uint32_t)rounds);
    ends[1] = bl_channel_free(ends[1]);
    int64_t until = bl_now_ns() + 100 * BL_MILLISECOND_NS;
    CHECK_INT(use(ends[0], (uint32_t)rounds, until), BL_EBADFRAME);
    condemned += bl_now_ns() < until;
    traffic_kill(pid);
    traffic_close(ends);
    rounds++;
  }
  CHECK(rounds >= 5 && condemned > 0);
}

/* Each word that steers, each kind of garbage, one at a time. */
static void survives_each_word(void) {
  size_t steering = offsetof(struct bl_lane, ring.data) / 8 + 1;
  uint32_t state = 1;
  for (size_t at = 0; at < 2 * steering; at++) {
    for (int i = 0; i < 16; i++) {
      NEED(bl_channel_pair(1, ends) == 0);
      struct bl_lane *lane = at % 2 ? ends[0]->in : ends[0]->out;
      _Atomic uint64_t *words = (void *)lane;
      traffic_send(ends[1], "x", 1, 0);
      words[at / 2] = garbage(&state);
      CHECK(is_fair(traffic_send(ends[0], "y", 1, 0)));
      CHECK(is_fair(traffic_skip(ends[0], 0)));
      CHECK(is_fair(traffic_skip(ends[0], 0)));
      traffic_close(ends);
    }
  }
}

static void condemns_once(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  int fd = bl_channel_fd(ends[0]);
  ends[1]->out->ring.put.at = 4;
  CHECK_INT(bl_channel_look(ends[0], 0), 1);
  CHECK_INT(bl_poll_one(fd, POLLIN, 0), 1);
  CHECK_INT(traffic_skip(ends[0], 0), BL_EBADFRAME);
  CHECK_INT(traffic_skip(ends[0], 0), BL_ECLOSED);
  CHECK_INT(traffic_send(ends[0], "x", 1, 0), BL_ECLOSED);
  CHECK_INT(bl_channel_look(ends[0], 0), 1);
  CHECK_INT(bl_poll_one(fd, POLLIN, 0), 1);
  traffic_close(ends);
}

/* Claims that belong to nobody, or to somebody who never gives them back. */
static void does_not_hang_on_claims(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  CHECK_INT(traffic_send(ends[1], "x", 1, 0), 0);
  CHECK_INT(send(ends[1]->sock, "d", 1, 0), 1);
  atomic_store(&ends[0]->in->reader.holder, 1); /* a process that lives */
  CHECK_INT(traffic_skip(ends[0], 0), BL_ETIMEOUT);
  CHECK_INT(traffic_skip(ends[0], SHORTLY), BL_ETIMEOUT);
  ends[1] = bl_channel_free(ends[1]);
  CHECK_INT(traffic_skip(ends[0], BL_FOREVER), BL_ECLOSED);
  atomic_store(&ends[0]->in->reader.holder, 0);
  CHECK_INT(traffic_skip(ends[0], BL_FOREVER), 0);
  atomic_store(&ends[0]->in->writer.holder, 1);
  CHECK_INT(traffic_skip(ends[0], BL_FOREVER), BL_ECLOSED);
  atomic_store(&ends[0]->in->reader.holder, -1);
  CHECK_INT(traffic_skip(ends[0], BL_FOREVER), BL_EBADFRAME);
  traffic_close(ends);
}

/* Says that something is there, and that somebody is about to say what. */
static void does_not_burn(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  atomic_store(&ends[0]->in->writer.holder, 1);
  atomic_fetch_add(&ends[0]->in->ring.put.packets, 1);
  clock_t before = clock();
  CHECK_INT(traffic_skip(ends[0], bl_deadline_ns(BL_SECOND_NS / 4)),
            BL_ETIMEOUT);
  CHECK((clock() - before) * 10 < CLOCKS_PER_SEC);
  atomic_store(&ends[0]->in->ring.put.ready, UINT64_MAX - 7);
  CHECK_INT(traffic_skip(ends[0], BL_FOREVER), BL_EBADFRAME);
  traffic_close(ends);
}

static void ring_for_ever(int sock) {
  for (;;) send(sock, "d", 1, 0);
}

static void keeps_deadlines_among_bells(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) ring_for_ever(ends[1]->sock);
  for (int i = 0; i < 10; i++)
    CHECK_INT(traffic_skip(ends[0], SHORTLY), BL_ETIMEOUT);
  traffic_kill(pid);
  traffic_close(ends);
}

/* ---- in the socket ---- */

/* As packet.c writes it. */
struct head {
  uint32_t magic, descriptors;
  uint64_t size, tag, in_memory;
};

#define MAGIC UINT32_C(0x626c7031)

static void inject(const struct head *head, size_t n, const int *fds,
                   size_t nfds) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(8 * sizeof(int))];
  } control = {.header = {.cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS,
                          .cmsg_len = CMSG_LEN(nfds * sizeof(int))}};
  struct iovec part = {(void *)(uintptr_t)head, n};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
  if (nfds > 0) {
    memcpy(CMSG_DATA(&control.header), fds, nfds * sizeof(int));
    m.msg_control = &control;
    m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
  }
  atomic_fetch_add(&ends[1]->out->ring.put.packets, 1);
  CHECK_INT(sendmsg(ends[1]->sock, &m, MSG_DONTWAIT), (long long)n);
}

/* Injects, and sees the channel condemned, without a descriptor left. */
static void refuse(const char *what, const struct head *head, size_t n,
                   const int *fds, size_t nfds) {
  NEED(bl_channel_pair(1, ends) == 0);
  int before = check_fds();
  inject(head, n, fds, nfds);
  if (!CHECK_INT(traffic_skip(ends[0], 0), BL_EBADFRAME) ||
      !CHECK_INT(traffic_skip(ends[0], 0), BL_ECLOSED) ||
      !CHECK_INT(check_fds(), before))
    CHECK_FAIL("%s", what);
  traffic_close(ends);
}

static void refuses_heads(void) {
  static const struct {
    const char *what;
    struct head head;
    size_t n;
  } bad[] = {{"short", {MAGIC, 0, 0, 0, 0}, 31},
             {"two bytes", {MAGIC, 0, 0, 0, 0}, 2},
             {"not ours", {MAGIC + 1, 0, 0, 0, 0}, 32},
             {"too long", {MAGIC, 0, 1, 0, 0}, 32},
             {"too large", {MAGIC, 0, UINT64_MAX, 0, 0}, 32},
             {"descriptors missing", {MAGIC, 2, 0, 0, 0}, 32},
             {"memory missing", {MAGIC, 0, 100, 0, 1}, 32},
             {"ahead of the ring", {MAGIC, 0, 0, 8, 0}, 32},
             {"memory of 2 kinds", {MAGIC, 0, 0, 0, 2}, 32}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    refuse(bad[i].what, &bad[i].head, bad[i].n, NULL, 0);
}

static void refuses_payloads(void) {
  int pipe[2], dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  int open_ended = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int cut = memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  NEED(bl_fd_pipe(pipe) == 0 && dir >= 0 && file >= 0);
  NEED(ftruncate(open_ended, 100) == 0 && ftruncate(cut, 99) == 0);
  NEED(fcntl(cut, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) ==
       0);
  const struct head one = {MAGIC, 0, 100, 0, 1}, none = {MAGIC, 0, 0, 0, 0};
  const int fds[] = {open_ended, cut, pipe[0], dir, file, 0};
  for (size_t i = 0; i < 6; i++) refuse("payload", &one, 32, &fds[i], 1);
  refuse("too many", &one, 32, fds, 3);
  refuse("not announced", &none, 32, fds, 3);
  for (size_t i = 0; i < 5; i++) bl_fd_close(fds[i]);
  bl_fd_close(pipe[1]);
}

/* Nothing is nothing, and an endless number of bells is quiet. */
static void survives_bells(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  for (int i = 0; i < 100; i++)
    CHECK_INT(send(ends[1]->sock, i % 3 ? "d" : "?r", 1, 0), 1);
  CHECK_INT(traffic_skip(ends[0], 0), BL_ETIMEOUT);
  CHECK_INT(traffic_send(ends[1], "x", 1, 0), 0);
  CHECK_INT(traffic_skip(ends[0], 0), 0);
  CHECK_INT(send(ends[1]->sock, "", 0, 0), 0);
  CHECK_INT(traffic_skip(ends[0], 0), BL_ECLOSED);
  traffic_close(ends);
}

CHECK_MAIN({"garbage over all of the memory ends the channel and no more",
            survives_scribbling},
           {"garbage in any one word does no harm", survives_each_word},
           {"a channel is condemned once, then closed", condemns_once},
           {"a claim that nobody gives back holds until the deadline",
            does_not_hang_on_claims},
           {"a claim, and a count, do not keep a receiver busy",
            does_not_burn},
           {"bells without end do not outlast a deadline",
            keeps_deadlines_among_bells},
           {"what is no packet is refused", refuses_heads},
           {"a payload that could change or be cut is refused",
            refuses_payloads},
           {"bells without a message are passed over", survives_bells})
