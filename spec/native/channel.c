/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <sys/time.h>

#include "runtime/channel_impl.h"
#include "runtime/pause.h"
#include "runtime/poll.h"
#include "spec/native/traffic.h"

#define SOON bl_deadline_ns(20 * BL_MILLISECOND_NS)

static struct bl_channel *ends[2];

/* ---- messages ---- */

static void keeps_any_size(void) {
  static const size_t sizes[] = {0,
                                 1,
                                 BL_CHANNEL_SMALL,
                                 BL_CHANNEL_SMALL + 1,
                                 BL_CHANNEL_LARGE,
                                 BL_CHANNEL_LARGE + 1,
                                 BL_RING_SIZE - 1,
                                 BL_RING_SIZE + 1,
                                 1 << 20,
                                 80 << 20};
  char *bytes = malloc(80 << 20);
  NEED(bytes && bl_channel_pair(1, ends) == 0);
  for (size_t i = 0; i < (80 << 20); i++) bytes[i] = (char)(i * 31 + i / 4096);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct bl_message m;
    struct bl_channel *from = ends[i % 2], *to = ends[1 - i % 2];
    CHECK_INT(traffic_send(from, bytes, sizes[i], CHECK_DEADLINE), 0);
    NEED(CHECK_INT(traffic_receive(to, &m, CHECK_DEADLINE), 0));
    CHECK_INT(m.size, sizes[i]);
    CHECK_INT(m.n, 0);
    CHECK(memcmp(m.bytes, bytes, sizes[i]) == 0);
    bl_message_drop(&m);
  }
  traffic_close(ends);
  free(bytes);
}

static void joins_parts(void) {
  struct bl_message m;
  struct iovec parts[3] = {{"one", 3}, {NULL, 0}, {" two", 4}};
  NEED(bl_channel_pair(1, ends) == 0);
  CHECK_INT(bl_channel_send(ends[0], parts, 3, NULL, 0, 0), 0);
  CHECK_INT(bl_channel_send(ends[0], NULL, 0, NULL, 0, 0), 0);
  NEED(CHECK_INT(bl_channel_receive(ends[1], &m, 7, 0), 0));
  CHECK_INT(m.size, 7);
  CHECK(memcmp(m.bytes, "one two", 7) == 0);
  bl_message_drop(&m);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
  traffic_close(ends);
}

static void keeps_what_is_too_big(void) {
  struct bl_message m;
  static const char bytes[200000];
  static const size_t sizes[] = {11, 10000, 200000};
  NEED(bl_channel_pair(1, ends) == 0);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(traffic_send(ends[0], bytes, sizes[i], 0), 0);
    CHECK_INT(bl_channel_receive(ends[1], &m, sizes[i] - 1, 0), BL_ETOOBIG);
    CHECK_INT(bl_channel_receive(ends[1], &m, sizes[i], 0), 0);
    CHECK_INT(m.size, sizes[i]);
    bl_message_drop(&m);
  }
  traffic_close(ends);
}

static void has_directions(void) {
  NEED(bl_channel_pair(0, ends) == 0);
  CHECK(bl_channel_readable(ends[0]) && !bl_channel_writable(ends[0]));
  CHECK(!bl_channel_readable(ends[1]) && bl_channel_writable(ends[1]));
  CHECK_INT(traffic_send(ends[0], "x", 1, 0), -EBADF);
  CHECK_INT(traffic_skip(ends[1], 0), -EBADF);
  CHECK_INT(bl_channel_look(ends[1], 0), -EBADF);
  CHECK_INT(traffic_send(ends[1], "x", 1, 0), 0);
  CHECK_INT(traffic_skip(ends[0], 0), 0);
  traffic_close(ends);
}

/* ---- deadlines ---- */

static void keeps_deadlines(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  int64_t start = bl_now_ns();
  CHECK_INT(traffic_skip(ends[0], 0), BL_ETIMEOUT);
  CHECK_INT(bl_channel_look(ends[0], SOON), BL_ETIMEOUT);
  CHECK_INT(traffic_skip(ends[0], SOON), BL_ETIMEOUT);
  CHECK(bl_now_ns() - start >= 40 * BL_MILLISECOND_NS);
  static const char bytes[5000];
  int n = 0;
  while (traffic_send(ends[0], bytes, sizeof bytes, 0) == 0) n++;
  CHECK_INT(n, BL_RING_SIZE / 5008);
  CHECK_INT(traffic_send(ends[0], bytes, sizeof bytes, SOON), BL_ETIMEOUT);
  for (int i = 0; i < n; i++) CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT); /* it sent nothing */
  CHECK_INT(traffic_send(ends[0], bytes, sizeof bytes, 0), 0);
  traffic_close(ends);
}

static void bounds_what_is_under_way(void) {
  char *bytes = calloc(1, 80 << 20);
  NEED(bytes && bl_channel_pair(1, ends) == 0);
  for (int i = 0; i < 2; i++) /* one each way, nobody reads: no deadlock */
    CHECK_INT(traffic_send(ends[i], bytes, 80 << 20, SOON), 0);
  CHECK_INT(traffic_send(ends[0], bytes, 1 << 20, SOON), BL_ETIMEOUT);
  CHECK_INT(traffic_send(ends[0], "small", 5, SOON), 0);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_send(ends[0], bytes, 30 << 20, SOON), 0);
  CHECK_INT(traffic_send(ends[0], bytes, 30 << 20, SOON), 0);
  CHECK_INT(traffic_send(ends[0], bytes, 30 << 20, SOON), BL_ETIMEOUT);
  for (int i = 0; i < 3; i++) CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
  traffic_close(ends);
  free(bytes);
}

static uint64_t packets(const struct bl_channel *c) {
  return atomic_load(&c->out->ring.put.packets);
}

/* What is large takes the ring where it fits, the socket where it does not,
 * and never waits for room in the ring, as what is small does. */
static void goes_through_the_ring_where_it_fits(void) {
  static const char bytes[BL_CHANNEL_LARGE + 1];
  static const struct {
    size_t size;
    uint64_t packets; /* after it */
  } sent[] = {{BL_CHANNEL_LARGE, 0},     {9, 0}, {BL_RING_SIZE / 3, 1},
              {BL_CHANNEL_SMALL - 8, 1}, {9, 1}, {20000, 2},
              {BL_CHANNEL_LARGE + 1, 3}, {10, 3}};
  enum { N = sizeof sent / sizeof sent[0] };
  struct bl_message m;
  NEED(bl_channel_pair(1, ends) == 0);
  for (int i = 0; i < N; i++) {
    CHECK_INT(traffic_send(ends[0], bytes, sent[i].size, 0), 0);
    CHECK_INT(packets(ends[0]), sent[i].packets);
  }
  CHECK_INT(traffic_send(ends[0], bytes, BL_CHANNEL_SMALL, 0), BL_ETIMEOUT);
  for (int i = 0; i < N; i++) {
    NEED(CHECK_INT(traffic_receive(ends[1], &m, 0), 0));
    CHECK_INT(m.size, sent[i].size);
    bl_message_drop(&m);
  }
  CHECK_INT(traffic_send(ends[0], bytes, BL_CHANNEL_LARGE + 1, 0), 0);
  CHECK_INT(packets(ends[0]), 4);
  traffic_close(ends);
}

/* ---- two processes ---- */

enum { MANY = 20000 };

/* Sends numbered messages of random sizes, and gets as many back. */
static int talk(struct bl_channel *c, uint32_t seed, int many) {
  static char bytes[300000];
  uint32_t state = seed, other = seed ^ 1;
  int sent = 0, got = 0;
  while (sent < many || got < many) {
    struct traffic t = {seed, (uint32_t)sent, traffic_size(&state), state};
    int r = sent == many ? BL_ETIMEOUT : 0;
    if (sent < many) traffic_write(&t, bytes);
    if (sent < many) r = traffic_send(c, bytes, t.size, 0);
    if (r == 0) sent++;
    struct bl_message m;
    int ahead = r == 0 ? 0 : got < many; /* full: then wait for the other */
    int g =
        got == many ? BL_ETIMEOUT : traffic_receive(c, &m, ahead ? SOON : 0);
    if (g == 0) {
      int whole = traffic_read(&t, &m);
      bl_message_drop(&m);
      if (!whole || t.sender != other || t.number != (uint32_t)got) return 1;
      got++;
    }
    if ((r < 0 && r != BL_ETIMEOUT) || (g < 0 && g != BL_ETIMEOUT)) return 2;
  }
  return 0;
}

static void talks_both_ways(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) _exit(talk(ends[1], 3, MANY));
  CHECK_INT(talk(ends[0], 2, MANY), 0);
  CHECK_INT(traffic_exit(pid), 0);
  traffic_close(ends);
}

static void on_alarm(int signal) { (void)signal; }

static int talk_in_a_storm(struct bl_channel *c, uint32_t seed) {
  struct sigaction action = {.sa_handler = on_alarm};
  struct itimerval every = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  sigaction(SIGALRM, &action, NULL); /* for good: one may be late */
  setitimer(ITIMER_REAL, &every, NULL);
  int r = talk(c, seed, MANY / 10);
  setitimer(ITIMER_REAL, &off, NULL);
  return r;
}

static void survives_signals(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) _exit(talk_in_a_storm(ends[1], 3));
  CHECK_INT(talk_in_a_storm(ends[0], 2), 0);
  CHECK_INT(traffic_exit(pid), 0);
  traffic_close(ends);
}

/* Sleeps at once, as often as it can; looks away for a moment before. */
static int echo(struct bl_channel *c, uint32_t seed, int many, int first) {
  for (int i = 0; i < 2 * many; i++) {
    int r = 0;
    c->waits.debt_ns = BL_SECOND_NS;
    for (uint32_t n = traffic_random(&seed) % 2000; n > 0; n--)
      bl_pause();
    if (i % 2 == first) r = traffic_send(c, "x", 1, CHECK_DEADLINE);
    else r = traffic_skip(c, bl_deadline_ns(5 * BL_SECOND_NS));
    if (r < 0) return 1;
  }
  return 0;
}

static void sleeps_through_no_message(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) _exit(echo(ends[1], 5, MANY / 4, 1));
  CHECK_INT(echo(ends[0], 4, MANY / 4, 0), 0);
  CHECK_INT(traffic_exit(pid), 0);
  traffic_close(ends);
}

/* A large one behind small ones, and small ones behind it, while the reader
 * sleeps. */
static void keeps_the_order(void) {
  static char bytes[100000];
  NEED(bl_channel_pair(0, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    ends[0] = bl_channel_free(ends[0]);
    for (uint32_t i = 0; i < 3000; i++) {
      struct traffic t = {0, i, i % 3 == 1 ? 100000 : 16, i};
      traffic_write(&t, bytes);
      if (traffic_send(ends[1], bytes, t.size, BL_FOREVER) < 0) _exit(1);
    }
    _exit(0);
  }
  ends[1] = bl_channel_free(ends[1]);
  for (uint32_t i = 0; i < 3000; i++) {
    struct bl_message m;
    struct traffic t;
    NEED(CHECK_INT(traffic_receive(ends[0], &m, CHECK_DEADLINE), 0));
    CHECK(traffic_read(&t, &m));
    CHECK_INT(t.number, i);
    bl_message_drop(&m);
  }
  CHECK_INT(traffic_skip(ends[0], CHECK_DEADLINE), BL_ECLOSED);
  CHECK_INT(traffic_exit(pid), 0);
  traffic_close(ends);
}

/* What a child that waits is woken for. */
static long switches(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

static void costs_nothing_while_idle(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    traffic_send(ends[1], "ready", 5, BL_FOREVER);
    long before = switches();
    if (traffic_skip(ends[1], BL_FOREVER) < 0) _exit(100);
    long n = switches() - before;
    _exit(n > 99 ? 99 : (int)n);
  }
  CHECK_INT(traffic_skip(ends[0], CHECK_DEADLINE), 0);
  bl_poll(NULL, 0, bl_deadline_ns(300 * BL_MILLISECOND_NS));
  CHECK_INT(traffic_send(ends[0], "done", 4, 0), 0);
  CHECK(traffic_exit(pid) <= 20);
  traffic_close(ends);
}

/* ---- the end ---- */

static void tells_of_the_end(void) {
  static const char large[30000];
  NEED(bl_channel_pair(1, ends) == 0);
  CHECK_INT(traffic_send(ends[0], large, sizeof large, 0), 0); /* unread */
  CHECK_INT(traffic_send(ends[1], large, sizeof large, 0), 0);
  CHECK_INT(traffic_send(ends[1], "last", 4, 0), 0);
  ends[1] = bl_channel_free(ends[1]);
  CHECK_INT(traffic_send(ends[0], "nobody", 6, 0), BL_ECLOSED);
  CHECK_INT(bl_channel_look(ends[0], 0), 1);
  CHECK_INT(traffic_skip(ends[0], 0), 0);
  CHECK_INT(traffic_skip(ends[0], 0), 0);
  CHECK_INT(bl_channel_look(ends[0], 0), 1);
  for (int i = 0; i < 3; i++)
    CHECK_INT(traffic_skip(ends[0], BL_FOREVER), BL_ECLOSED);
  traffic_close(ends);
  CHECK(bl_channel_free(NULL) == NULL);
}

/* Sends one, and takes it; 1 when that rang. */
static int rings(void) {
  CHECK_INT(traffic_send(ends[0], "x", 1, 0), 0);
  struct pollfd bell = {ends[1]->sock, POLLIN, 0};
  int rang = poll(&bell, 1, 0);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
  return rang;
}

/* A parent closes what it gave its child: the next send must learn whether
 * that was the last one, and those after it must not pay for that. */
static void rings_once_for_a_copy_that_is_closed(void) {
  struct bl_channel *copy;
  int fds[BL_CHANNEL_FDS], copies[BL_CHANNEL_FDS];
  NEED(bl_channel_pair(1, ends) == 0);
  bl_channel_fds(ends[1], fds);
  for (int i = 0; i < BL_CHANNEL_FDS; i++) copies[i] = dup(fds[i]);
  NEED(bl_channel_adopt(bl_channel_kind(ends[1]), copies, &copy) == 0);
  CHECK_INT(rings(), 0);
  bl_channel_free(copy);
  CHECK_INT(rings(), 1);
  CHECK_INT(rings(), 0);
  traffic_close(ends);
}

static void wakes_those_who_wait_at_the_end(void) {
  static const char bytes[16000];
  for (int sends = 0; sends < 2; sends++) {
    NEED(bl_channel_pair(1, ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
      ends[0] = bl_channel_free(ends[0]);
      int r = 0;
      while (r == 0)
        r = sends ? traffic_send(ends[1], bytes, sizeof bytes, BL_FOREVER)
                  : traffic_skip(ends[1], BL_FOREVER);
      _exit(r == BL_ECLOSED ? 0 : 1);
    }
    ends[1] = bl_channel_free(ends[1]);
    bl_poll(NULL, 0, SOON); /* busy: the child gets where it waits */
    ends[0] = bl_channel_free(ends[0]);
    CHECK_INT(traffic_exit(pid), 0);
  }
}

CHECK_MAIN({"a message of any size arrives whole", keeps_any_size},
           {"a message is the sum of its parts", joins_parts},
           {"a message that is too big stays", keeps_what_is_too_big},
           {"an end of a one-way channel reads or writes", has_directions},
           {"deadlines are kept, and what timed out was not sent",
            keeps_deadlines},
           {"large messages do not deadlock, and are bounded",
            bounds_what_is_under_way},
           {"a large message goes through the ring where it fits",
            goes_through_the_ring_where_it_fits},
           {"two processes talk both ways", talks_both_ways},
           {"two processes talk in a storm of signals", survives_signals},
           {"nobody sleeps through a message", sleeps_through_no_message},
           {"large and small messages keep their order", keeps_the_order},
           {"a channel that waits costs nothing", costs_nothing_while_idle},
           {"the end comes after the last message", tells_of_the_end},
           {"a copy of an end that is closed costs one bell",
            rings_once_for_a_copy_that_is_closed},
           {"the end wakes who waits", wakes_those_who_wait_at_the_end})
