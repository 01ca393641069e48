/* SPDX-License-Identifier: MIT */
/* Channels and descriptors: those they carry, those they are, those that
 * loops wait for. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "runtime/channel.h"
#include "runtime/fd.h"
#include "runtime/packet.h"
#include "runtime/poll.h"
#include "spec/native/traffic.h"

static struct bl_channel *ends[2];

static int readable(int fd) { return bl_poll_one(fd, POLLIN, 0); }

static int send_fds(struct bl_channel *c, const int *fds, int n,
                    int64_t deadline_ns) {
  struct iovec part = {"with", 4};
  return bl_channel_send(c, &part, 1, fds, n, deadline_ns);
}

/* ---- carried ---- */

static void carries_descriptors(void) {
  int fds[BL_PACKET_FDS + 1], pipe[2];
  NEED(bl_channel_pair(1, ends) == 0 && bl_fd_pipe(pipe) == 0);
  for (int i = 0; i <= BL_PACKET_FDS; i++) fds[i] = pipe[1];
  CHECK_INT(send_fds(ends[0], fds, BL_PACKET_FDS + 1, 0), BL_ETOOBIG);
  CHECK_INT(send_fds(ends[0], fds, BL_PACKET_FDS, 0), 0);
  struct bl_message m;
  NEED(CHECK_INT(traffic_receive(ends[1], &m, 0), 0));
  CHECK_INT(m.n, BL_PACKET_FDS);
  CHECK(memcmp(m.bytes, "with", 4) == 0);
  CHECK(m.fds[BL_PACKET_FDS - 1] >= 250); /* beyond 255 in any case */
  int taken = m.fds[BL_PACKET_FDS - 1];
  m.fds[BL_PACKET_FDS - 1] = BL_FD_NONE;
  bl_message_drop(&m);
  CHECK_INT(bl_fd_write(taken, "x", 1), 1);
  CHECK_INT(readable(pipe[0]), 1);
  bl_fd_close(taken);
  bl_fd_close(pipe[0]);
  bl_fd_close(pipe[1]);
  traffic_close(ends);
}

/* Numbers that a bit set of the old kind could not hold. */
static void has_high_numbers(void) {
  int low[300], n = 0;
  while (n < 300 && (low[n] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0) n++;
  NEED(n == 300 && bl_channel_pair(1, ends) == 0);
  int fd = bl_channel_fd(ends[1]);
  CHECK(fd > 300);
  CHECK_INT(send_fds(ends[0], low + 299, 1, 0), 0);
  CHECK_INT(readable(fd), 1);
  struct bl_message m;
  CHECK_INT(traffic_receive(ends[1], &m, 0), 0);
  CHECK(m.fds[0] > 300);
  bl_message_drop(&m);
  CHECK_INT(readable(fd), 0);
  traffic_close(ends);
  while (n > 0) bl_fd_close(low[--n]);
}

static int is_back_pressure(void) {
  int fds[10];
  struct rlimit limit = {64, 64};
  for (int i = 0; i < 10; i++) fds[i] = 1;
  if (bl_channel_pair(1, ends) < 0) return 1;
  if (geteuid() == 0 && setuid(65534) < 0) return 77;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return 77;
  int n = 0, r;
  while ((r = send_fds(ends[0], fds, 10, 0)) == 0) n++;
  if (r != BL_ETIMEOUT || n == 0 || n > 20) return 3;
  for (int i = 0; i < n; i++)
    if (traffic_skip(ends[1], 0) != 0) return 4;
  return send_fds(ends[0], fds, 10, 0) == 0 ? 0 : 5;
}

static void holds_back_descriptors(void) {
  int r = check_in_child(is_back_pressure);
  if (r == 77) SKIP("cannot lower what is allowed");
  CHECK_INT(r, 0);
}

/* No descriptor left in the receiver: the message waits for one. */
static int keeps_it(void) {
  int fds[8] = {0}, own = check_fds();
  struct rlimit limit = {0, 64};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (bl_channel_pair(1, ends) < 0) return 1;
  limit.rlim_cur = (rlim_t)own + 6; /* the pair takes four of them */
  if (send_fds(ends[0], fds, 8, 0) < 0) return 2;
  if (traffic_send(ends[0], "next", 4, 0) < 0) return 3;
  int open_before = check_fds();
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return 4;
  for (int i = 0; i < 3; i++)
    if (traffic_skip(ends[1], 0) != -EMFILE) return 5;
  if (check_fds() != open_before) return 6;
  limit.rlim_cur += 8;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return 7;
  struct bl_message m;
  if (traffic_receive(ends[1], &m, 0) != 0 || m.n != 8) return 8;
  bl_message_drop(&m);
  if (traffic_receive(ends[1], &m, 0) != 0 || m.size != 4 || m.n != 0) return 9;
  return memcmp(m.bytes, "next", 4) == 0 ? 0 : 10;
}

static void survives_full_tables(void) {
  if (check_emulated()) SKIP("the limit is not kept here");
  CHECK_INT(check_in_child(keeps_it), 0);
}

/* A socket whose buffer takes less than what usually travels in it. */
static void survives_small_buffers(void) {
  static const char bytes[90000];
  int size = 8192, fds[BL_CHANNEL_FDS];
  NEED(bl_channel_pair(1, ends) == 0);
  bl_channel_fds(ends[0], fds);
  NEED(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  for (int i = 0; i < 2; i++)
    CHECK_INT(traffic_send(ends[0], bytes, sizeof bytes, 0), 0);
  for (int i = 0; i < 2; i++) CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
  traffic_close(ends);
}

/* ---- ends as descriptors ---- */

/* Sends end `from` over another channel and makes an end of it there. */
static struct bl_channel *moved(struct bl_channel *from) {
  struct bl_channel *way[2], *to = NULL;
  struct bl_message m;
  int fds[BL_CHANNEL_FDS];
  if (bl_channel_pair(0, way) < 0) return NULL;
  bl_channel_fds(from, fds);
  if (send_fds(way[1], fds, BL_CHANNEL_FDS, 0) == 0 &&
      traffic_receive(way[0], &m, 0) == 0) {
    if (bl_channel_adopt(bl_channel_kind(from), m.fds, &to) < 0) to = NULL;
    m.fds[0] = m.fds[1] = BL_FD_NONE; /* taken, also if that failed */
    bl_message_drop(&m);
  }
  traffic_close(way);
  return to;
}

static void travels(void) {
  NEED(bl_channel_pair(0, ends) == 0);
  CHECK_INT(traffic_send(ends[1], "before", 6, 0), 0);
  for (int i = 0; i < 2; i++) {
    struct bl_channel *there = moved(ends[i]);
    NEED(there);
    bl_channel_free(ends[i]);
    ends[i] = there;
  }
  CHECK_INT(traffic_send(ends[1], "after", 5, 0), 0);
  CHECK_INT(traffic_skip(ends[0], 0), 0);
  CHECK_INT(traffic_skip(ends[0], 0), 0);
  ends[1] = bl_channel_free(ends[1]);
  CHECK_INT(traffic_skip(ends[0], 0), BL_ECLOSED);
  traffic_close(ends);
}

static void refuses_what_is_no_end(void) {
  int socks[2], own[BL_CHANNEL_FDS];
  struct bl_channel *c = NULL;
  NEED(bl_channel_pair(1, ends) == 0);
  bl_channel_fds(ends[0], own);
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, socks) == 0);
  const int bad[][2] = {{socks[0], own[1]}, {own[0], socks[1]},
                        {own[1], own[1]},   {own[0], own[0]},
                        {own[0], 1},        {1, own[1]}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int fds[2] = {bl_fd_copy(bad[i][0]), bl_fd_copy(bad[i][1])};
    CHECK_INT(bl_channel_adopt(2, fds, &c), BL_EBADFRAME);
  }
  int fds[2] = {bl_fd_copy(own[0]), bl_fd_copy(own[1])};
  CHECK_INT(bl_channel_adopt(9, fds, &c), BL_EBADFRAME);
  bl_fd_close(socks[0]);
  bl_fd_close(socks[1]);
  traffic_close(ends);
}

/* ---- waited for ---- */

static void is_level(void) {
  static const char large[200000];
  NEED(bl_channel_pair(1, ends) == 0);
  CHECK_INT(traffic_send(ends[0], "early", 5, 0), 0);
  int fd = bl_channel_fd(ends[1]);
  NEED(fd >= 0);
  CHECK_INT(readable(fd), 1); /* nobody had rung for it */
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(readable(fd), 0);
  for (int round = 0; round < 3; round++) {
    CHECK_INT(traffic_send(ends[0], "a", 1, 0), 0);
    CHECK_INT(traffic_send(ends[0], large, sizeof large, 0), 0);
    CHECK_INT(traffic_send(ends[0], "b", 1, 0), 0);
    CHECK_INT(traffic_send(ends[0], "c", 1, 0), 0);
    for (int left = 4; left > 0; left--) {
      CHECK_INT(readable(fd), 1);
      CHECK_INT(bl_channel_look(ends[1], 0), 1);
      CHECK_INT(readable(fd), 1);
      CHECK_INT(traffic_skip(ends[1], 0), 0);
    }
    CHECK_INT(readable(fd), 0);
    CHECK_INT(bl_channel_look(ends[1], 0), BL_ETIMEOUT);
    CHECK_INT(readable(fd), 0);
  }
  CHECK_INT(bl_channel_fd(ends[1]), fd);
  ends[0] = bl_channel_free(ends[0]);
  CHECK_INT(readable(fd), 1);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ECLOSED);
  CHECK_INT(readable(fd), 1);
  traffic_close(ends);
}

/* A second holder of ends[1], as another process would be. */
static struct bl_channel *another_holder(void) {
  struct bl_channel *c = NULL;
  int fds[BL_CHANNEL_FDS];
  bl_channel_fds(ends[1], fds);
  for (int i = 0; i < BL_CHANNEL_FDS; i++) fds[i] = bl_fd_copy(fds[i]);
  return bl_channel_adopt(bl_channel_kind(ends[1]), fds, &c) < 0 ? NULL : c;
}

/* Whoever takes a bell leaves the others awake for what comes later. */
static void tells_all_holders(void) {
  static const char large[200000];
  NEED(bl_channel_pair(1, ends) == 0);
  struct bl_channel *other = another_holder();
  NEED(other);
  int fd = bl_channel_fd(ends[1]);
  for (int round = 0; round < 3; round++) {
    CHECK_INT(traffic_send(ends[0], "a", 1, 0), 0);
    CHECK_INT(readable(fd), 1);
    CHECK_INT(traffic_skip(other, 0), 0);
    CHECK_INT(traffic_skip(other, 0), BL_ETIMEOUT);
    CHECK_INT(readable(fd), 0);
    CHECK_INT(traffic_send(ends[0], "b", 1, 0), 0);
    CHECK_INT(traffic_send(ends[0], large, sizeof large, 0), 0);
    CHECK_INT(traffic_send(ends[0], "c", 1, 0), 0);
    for (int left = 3; left > 0; left--) {
      CHECK_INT(readable(fd), 1);
      CHECK_INT(traffic_skip(other, 0), 0);
    }
    CHECK_INT(traffic_skip(other, 0), BL_ETIMEOUT);
    CHECK_INT(readable(fd), 0);
  }
  bl_channel_free(other);
  traffic_close(ends);
}

static int waits_in_a_fork(void) {
  int fd = bl_channel_fd(ends[1]);
  if (fd < 0 || readable(fd) != 1) return 1;
  if (traffic_skip(ends[1], 0) != 0 || readable(fd) != 0) return 2;
  if (traffic_send(ends[0], "1", 1, 0) < 0 || readable(fd) != 1) return 3;
  if (traffic_send(ends[0], "2", 1, 0) < 0) return 4;
  ends[1] = bl_channel_free(ends[1]);
  return 0;
}

static void is_another_in_a_fork(void) {
  NEED(bl_channel_pair(1, ends) == 0);
  int fd = bl_channel_fd(ends[1]);
  CHECK_INT(traffic_send(ends[0], "0", 1, 0), 0);
  CHECK_INT(bl_channel_look(ends[1], 0), 1); /* our bell is rung */
  CHECK_INT(check_in_child(waits_in_a_fork), 0);
  CHECK_INT(readable(fd), 1);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(readable(fd), 1);
  CHECK_INT(traffic_skip(ends[1], 0), 0);
  CHECK_INT(traffic_skip(ends[1], 0), BL_ETIMEOUT);
  CHECK_INT(readable(fd), 0);
  traffic_close(ends);
}

/* A loop that never looks at the other direction, in which a message waits. */
static void tells_of_room(void) {
  static const char bytes[16000];
  NEED(bl_channel_pair(1, ends) == 0);
  CHECK_INT(traffic_send(ends[1], "not read", 8, 0), 0);
  for (int round = 0; round < 3; round++) {
    int n = 0;
    while (traffic_send(ends[0], bytes, sizeof bytes, 0) == 0) n++;
    bl_channel_room_fd(ends[0]); /* what was there before we asked */
    int fd = bl_channel_room_fd(ends[0]);
    NEED(fd >= 0);
    CHECK_INT(readable(fd), 0);
    for (int i = 0; i < n; i++) CHECK_INT(traffic_skip(ends[1], 0), 0);
    CHECK_INT(readable(fd), 1);
  }
  CHECK(bl_channel_room_due(ends[0]) > 0);
  traffic_close(ends);
}

CHECK_MAIN({"descriptors travel, as many as a message takes",
            carries_descriptors},
           {"descriptors may have any number", has_high_numbers},
           {"too many descriptors under way hold the sender back",
            holds_back_descriptors},
           {"a message waits for a receiver with descriptors",
            survives_full_tables},
           {"a socket with little room is no limit to a message",
            survives_small_buffers},
           {"an end travels with what is in it", travels},
           {"what is no end is refused", refuses_what_is_no_end},
           {"the descriptor is readable while there is a message or the end",
            is_level},
           {"whoever takes a bell leaves one for what comes later",
            tells_all_holders},
           {"a fork has a descriptor of its own", is_another_in_a_fork},
           {"a loop is told of room", tells_of_room})
