/* SPDX-License-Identifier: MIT */
/* Holders of an end that are killed at random moments. CHANNEL_SECONDS says
 * for how long each test goes on (3); it kills hundreds in a second. */
#include <stdatomic.h>
#include <sys/mman.h>

#include "runtime/channel_impl.h"
#include "runtime/error.h"
#include "runtime/fd.h"
#include "runtime/poll.h"
#include "spec/native/traffic.h"

static struct bl_channel *ends[2];

static int64_t end_of_test(void) {
  const char *seconds = getenv("CHANNEL_SECONDS");
  return bl_deadline_ns((seconds ? atoi(seconds) : 3) * BL_SECOND_NS);
}

/* ---- one sender ---- */

static void send_until_killed(struct bl_channel *c, uint32_t seed) {
  static char bytes[300000];
  uint32_t state = seed;
  for (uint32_t i = 0;; i++) {
    struct traffic t = {seed, i, traffic_size(&state), state};
    struct iovec part = {bytes, t.size};
    int fd = 2, with = traffic_random(&state) % 64 == 0;
    traffic_write(&t, bytes);
    if (bl_channel_send(c, &part, 1, &fd, with, BL_FOREVER) < 0) _exit(1);
  }
}

/* Reads on to the end; how many messages, or an error. */
static int read_all(struct bl_channel *c, pid_t victim, uint32_t kill_at) {
  struct bl_message m;
  struct traffic t;
  for (int n = 0;; n++) {
    if ((uint32_t)n == kill_at) kill(victim, SIGKILL);
    int r = traffic_receive(c, &m, CHECK_DEADLINE);
    if (r == BL_ECLOSED) return n;
    if (r < 0) return r;
    int ok = traffic_read(&t, &m) && t.number == (uint32_t)n;
    bl_message_drop(&m);
    if (!ok) return -1;
  }
}

static void hands_over_what_was_sent(void) {
  int64_t end = end_of_test();
  uint32_t state = 7;
  int kills = 0;
  while (bl_now_ns() < end) {
    NEED(bl_channel_pair(1, ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
      ends[0] = bl_channel_free(ends[0]);
      send_until_killed(ends[1], (uint32_t)kills);
    }
    ends[1] = bl_channel_free(ends[1]);
    int n = read_all(ends[0], pid, traffic_random(&state) % 300);
    if (n < 0)
      CHECK_FAIL("kill %d: %s", kills, n == -1 ? "torn" : bl_error_name(n));
    CHECK_INT(traffic_exit(pid), -SIGKILL);
    traffic_close(ends);
    kills++;
  }
  CHECK(kills > 5);
  if (getenv("CHANNEL_SECONDS")) printf("# %d kills\n", kills);
}

/* ---- several holders of both ends ---- */

enum { SIDE = 3, LIVES = 1 << 16, MARKS = 64 };

/* Of each life of a sender: how often each of its messages was got. */
struct life {
  atomic_uint sent; /* so many for sure */
  atomic_uchar got[MARKS];
};

struct board {
  atomic_uint lives, killed, got, torn, twice, stuck;
  struct life life[LIVES];
};

static struct board *board;

/* Sends a few, and now and then waits until all are received or a receiver
 * was killed: so receivers go to sleep. */
static void run_sender(uint32_t number) {
  static char bytes[300000];
  uint32_t state = number;
  struct life *life = &board->life[number % LIVES];
  for (uint32_t i = 0; i < MARKS; i++) {
    struct traffic t = {number, i, traffic_size(&state), state};
    traffic_write(&t, bytes);
    if (traffic_send(ends[1], bytes, t.size, BL_FOREVER) < 0) _exit(1);
    life->sent = i + 1;
    if (traffic_random(&state) % 4) continue;
    unsigned killed = board->killed;
    int64_t limit = CHECK_DEADLINE;
    while (!life->got[i] && board->killed == killed) {
      bl_poll(NULL, 0, bl_deadline_ns(BL_MILLISECOND_NS / 10));
      if (bl_now_ns() > limit) board->stuck++;
      if (board->stuck) _exit(1);
    }
  }
  _exit(0);
}

static void note(struct bl_message *m) {
  struct traffic t;
  if (!traffic_read(&t, m) || t.number >= MARKS) board->torn++;
  else if (board->life[t.sender % LIVES].got[t.number]++) board->twice++;
  board->got++;
  bl_message_drop(m);
}

static void run_receiver(void) {
  struct bl_message m;
  while (traffic_receive(ends[0], &m, BL_FOREVER) == 0) note(&m);
  _exit(0);
}

static pid_t start(int sends) {
  unsigned number = sends ? board->lives++ : 0;
  pid_t pid = fork();
  if (pid != 0) return pid;
  if (sends) run_sender(number);
  run_receiver();
  return 0;
}

/* A sender that has ended by itself begins another life. */
static void renew(pid_t *pids) {
  for (int i = 0; i < SIDE; i++)
    if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) pids[i] = start(1);
}

static unsigned missing(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < board->lives && i < LIVES; i++)
    for (unsigned k = 0; k < board->life[i].sent; k++)
      n += !board->life[i].got[k];
  return n;
}

/* Waits until another message was received: what a lost bell prevents. */
static void await_message(pid_t *pids) {
  unsigned n = board->got;
  int64_t limit = CHECK_DEADLINE;
  while (board->got == n && bl_now_ns() < limit && !board->stuck) {
    bl_poll(NULL, 0, bl_deadline_ns(BL_MILLISECOND_NS / 10));
    renew(pids);
  }
  if (board->got == n) board->stuck++;
}

/* Those who are left must go on before the dead one has a successor. */
static void fight(pid_t *pids, unsigned victims) {
  int64_t end = end_of_test();
  uint32_t state = 11;
  while (bl_now_ns() < end && board->lives < LIVES - 10 && !board->stuck) {
    bl_poll(NULL, 0, bl_deadline_ns(traffic_random(&state) % 2000 * 1000));
    unsigned i = traffic_random(&state) % victims;
    traffic_kill(pids[i]);
    if (i >= SIDE) {
      board->killed++;
      await_message(pids);
    }
    pids[i] = start(i < SIDE);
    renew(pids);
  }
}

static void battle(unsigned victims) {
  pid_t pids[2 * SIDE];
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  NEED(board != MAP_FAILED && bl_channel_pair(1, ends) == 0);
  for (int i = 0; i < 2 * SIDE; i++) pids[i] = start(i < SIDE);
  fight(pids, victims);
  for (int i = 0; i < SIDE; i++) traffic_kill(pids[i]);
  if (victims == SIDE) /* receivers live: they get all there is */
    for (int64_t limit = CHECK_DEADLINE;
         bl_channel_look(ends[0], 0) == 1 && !board->stuck;)
      if (bl_now_ns() > limit) board->stuck++;
  for (int i = SIDE; i < 2 * SIDE; i++) traffic_kill(pids[i]);
  struct bl_message m;
  while (traffic_receive(ends[0], &m, 0) == 0) note(&m); /* what is left */
  CHECK_INT(board->stuck, 0);
  CHECK_INT(board->torn, 0);
  CHECK_INT(board->twice, 0);
  /* each receiver that was killed took one along, at most */
  CHECK(missing() <= board->killed + SIDE);
  CHECK(board->lives > 10);
  if (getenv("CHANNEL_SECONDS"))
    printf("# %u lives, %u receivers killed, %u messages went with them\n",
           board->lives, board->killed, missing());
  munmap(board, sizeof *board);
  traffic_close(ends);
}

static void survives_senders(void) { battle(SIDE); }
static void survives_anybody(void) { battle(2 * SIDE); }

/* ---- one that holds the claim and nobody has reaped ---- */

static void takes_over_from_the_dead(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  siginfo_t info;
  waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
  for (int reaped = 0; reaped < 2; reaped++) {
    atomic_store(&ends[0]->out->writer.holder, pid);
    atomic_store(&ends[0]->out->reader.holder, pid);
    CHECK_INT(traffic_send(ends[0], "x", 1, 0), 0);
    CHECK_INT(traffic_skip(ends[1], 0), 0);
    if (!reaped) waitpid(pid, NULL, 0);
  }
  traffic_close(ends);
}

/* A sender that died between counting a packet and sending it. */
static void forgets_what_never_came(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  struct bl_ring *ring = &ends[0]->out->ring;
  atomic_fetch_add(&ring->put.packets, 1);
  atomic_fetch_add(&ring->put.bytes, 70 << 20);
  CHECK_INT(traffic_send(ends[0], "x", 1, 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
  CHECK(atomic_load(&ring->put.packets) == atomic_load(&ring->got.packets));
  static const char bytes[200000];
  CHECK_INT(traffic_send(ends[0], bytes, sizeof bytes, 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  traffic_close(ends);
}

/* The same, of one that slept: it leaves a bell to the others. */
static void leaves_bells_where_nothing_came(void) {
  struct bl_channel *other = NULL;
  int fds[BL_CHANNEL_FDS];
  NEED(bl_channel_pair(1, ends) == 0);
  bl_channel_fds(ends[1], fds);
  for (int i = 0; i < BL_CHANNEL_FDS; i++) fds[i] = bl_fd_copy(fds[i]);
  NEED(bl_channel_adopt(bl_channel_kind(ends[1]), fds, &other) == 0);
  int fd = bl_channel_fd(ends[1]);
  for (int i = 0; i < 2; i++) CHECK_INT(traffic_send(ends[0], "x", 1, 0), 0);
  atomic_fetch_add(&ends[0]->out->ring.put.packets, 1);
  CHECK_INT(traffic_skip(other, 0), 0);
  CHECK_INT(bl_poll_one(fd, POLLIN, 0), 1);
  CHECK_INT(traffic_skip(other, 0), 0);
  CHECK_INT(traffic_skip(other, 0), BL_ETIMEOUT);
  CHECK_INT(bl_poll_one(fd, POLLIN, 0), 0);
  bl_channel_free(other);
  traffic_close(ends);
}

/* A record that was ready when its sender died: it counts, whoever is first
 * to see it. */
static void counts_what_was_ready(void) {
  for (int successor = 0; successor < 2; successor++) {
    NEED(bl_channel_pair(1, ends) == 0);
    struct bl_ring *ring = &ends[0]->out->ring;
    struct bl_span s;
    struct iovec part = {"ready", 5};
    CHECK_INT(bl_ring_look(ring, &s), 0);
    bl_ring_put(ring, &s, &part, 1, 5);
    if (successor) CHECK_INT(traffic_send(ends[0], "later", 5, 0), 0);
    CHECK_INT(bl_channel_look(ends[1], 0), 1);
    for (int i = 0; i <= successor; i++) {
      struct bl_message m;
      NEED(CHECK_INT(traffic_receive(ends[1], &m, 0), 0));
      CHECK(memcmp(m.bytes, i ? "later" : "ready", 5) == 0);
      bl_message_drop(&m);
    }
    CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
    traffic_close(ends);
  }
}

static void learns_of_a_dead_reader(void) {
  for (int waits = 0; waits < 2; waits++) {
    NEED(bl_channel_pair(1, ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
      ends[0] = bl_channel_free(ends[0]);
      traffic_send(ends[1], "ready", 5, BL_FOREVER);
      while (waits) traffic_skip(ends[1], BL_FOREVER);
      for (;;) pause();
    }
    ends[1] = bl_channel_free(ends[1]);
    CHECK_INT(traffic_skip(ends[0], CHECK_DEADLINE), 0);
    for (int unread = 0; unread < 5; unread++)
      CHECK_INT(traffic_send(ends[0], "unread", 6, 0), 0);
    traffic_kill(pid);
    for (int64_t dead = bl_now_ns(); bl_now_ns() < dead + BL_CHANNEL_TRUST_NS;)
      continue;
    CHECK_INT(traffic_send(ends[0], "first", 5, 0), BL_ECLOSED);
    CHECK_INT(traffic_send(ends[0], "second", 6, 0), BL_ECLOSED);
    traffic_close(ends);
  }
}

CHECK_MAIN(
    {"a sender that is killed leaves whole messages, then the end",
     hands_over_what_was_sent},
    {"senders that are killed leave no receiver asleep", survives_senders},
    {"holders that are killed tear and double nothing", survives_anybody},
    {"a claim of the dead is taken over", takes_over_from_the_dead},
    {"a packet that never came is forgotten", forgets_what_never_came},
    {"a packet that never came takes no bell along",
     leaves_bells_where_nothing_came},
    {"a record that was ready counts", counts_what_was_ready},
    {"a message 20 us after the reader's death fails", learns_of_a_dead_reader})
