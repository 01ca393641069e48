/* SPDX-License-Identifier: MIT */
#include "runtime/packet.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/fd.h"
#include "runtime/shm.h"
#include "spec/native/check.h"

static int open_pair(int ends[2]) {
  return CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends),
                   0);
}

static void close_pair(const int ends[2]) {
  bl_fd_close(ends[0]);
  bl_fd_close(ends[1]);
}

static int send_bytes(int sock, const char *bytes, size_t size, const int *fds,
                      int n) {
  static struct bl_packet p;
  struct iovec parts[2] = {{(void *)(uintptr_t)bytes, size / 3},
                           {(char *)(uintptr_t)bytes + size / 3,
                            size - size / 3}};
  int r = bl_packet_fill(&p, parts, 2, fds, n);
  p.tag = size + 1;
  if (r == 0) r = bl_packet_send(sock, &p);
  bl_packet_drop(&p);
  return r;
}

static char *letters(size_t size) {
  char *text = malloc(size + 1);
  for (size_t i = 0; text && i < size; i++) text[i] = (char)('a' + i % 23);
  return text;
}

static void carries_any_size(void) {
  static const size_t sizes[] = {0, 1, BL_PACKET_INSIDE - 1, BL_PACKET_INSIDE,
                                 BL_PACKET_INSIDE + 1, 5000000};
  static struct bl_packet p;
  int ends[2];
  NEED(open_pair(ends));
  char *text = letters(5000000);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    CHECK_INT(send_bytes(ends[0], text, sizes[i], NULL, 0), 0);
    NEED(CHECK_INT(bl_packet_receive(ends[1], &p), 1));
    CHECK_INT(p.size, sizes[i]);
    CHECK_INT(p.tag, sizes[i] + 1);
    CHECK(memcmp(p.bytes, text, sizes[i]) == 0);
    bl_packet_drop(&p);
  }
  free(text);
  close_pair(ends);
}

/* In eight parts, the first two of which are empty, with a descriptor. */
static void is_posted(void) {
  static const size_t sizes[] = {0, 6, BL_PACKET_INSIDE, BL_PACKET_INSIDE + 1};
  static struct bl_packet p;
  int ends[2];
  NEED(open_pair(ends));
  char *text = letters(BL_PACKET_INSIDE + 1);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct iovec parts[8] = {{NULL, 0}, {NULL, 0}};
    size_t sixth = sizes[i] / 6;
    for (size_t k = 0; k < 6; k++)
      parts[2 + k] = (struct iovec){text + k * sixth,
                                    k < 5 ? sixth : sizes[i] - 5 * sixth};
    CHECK_INT(bl_packet_post(ends[0], parts, 8, &ends[0], 1), 0);
    NEED(CHECK_INT(bl_packet_receive(ends[1], &p), 1));
    CHECK_INT(p.size, sizes[i]);
    CHECK_INT(p.n, 1);
    CHECK(memcmp(p.bytes, text, sizes[i]) == 0);
    bl_packet_drop(&p);
  }
  CHECK_INT(bl_packet_post(ends[0], NULL, 0, NULL, BL_PACKET_FDS + 1),
            BL_ETOOBIG);
  free(text);
  close_pair(ends);
}

/* What a receiver that peeks takes: more of it may be in the socket itself. */
static void is_taken_after_a_look(void) {
  static const size_t sizes[] = {0, 1, BL_PACKET_INSIDE + 1, BL_PACKET_WIDE,
                                 BL_PACKET_WIDE + 1};
  struct bl_packet *p = malloc(sizeof *p);
  char *text = letters(BL_PACKET_WIDE + 1);
  int ends[2];
  NEED(p && text && open_pair(ends));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct bl_packet_note note;
    struct iovec part = {text, sizes[i]};
    CHECK_INT(bl_packet_fill_wide(p, &part, 1, &ends[0], 1), 0);
    CHECK_INT(bl_packet_send(ends[0], p), 0);
    bl_packet_drop(p);
    size_t inside = sizes[i] > BL_PACKET_WIDE ? 0 : sizes[i];
    CHECK_INT(bl_packet_peek(ends[1], &note), BL_PACKET_HEAD + inside);
    CHECK_INT(note.inside, inside);
    NEED(CHECK_INT(bl_packet_take(ends[1], &note, p), 1));
    CHECK_INT(p->size, sizes[i]);
    CHECK_INT(p->n, 1);
    CHECK(memcmp(p->bytes, text, sizes[i]) == 0);
    bl_packet_drop(p);
    CHECK_INT(bl_packet_peek(ends[1], &note), -EAGAIN);
  }
  free(text);
  free(p);
  close_pair(ends);
}

static void carries_descriptors(void) {
  static struct bl_packet p;
  int ends[2], many[BL_PACKET_FDS + 1];
  NEED(open_pair(ends));
  char *text = letters(2 * BL_PACKET_INSIDE);
  for (int i = 0; i <= BL_PACKET_FDS; i++) many[i] = ends[1];
  CHECK_INT(send_bytes(ends[0], text, 2 * BL_PACKET_INSIDE, many,
                       BL_PACKET_FDS), 0);
  CHECK_INT(send_bytes(ends[0], text, 9, many, BL_PACKET_FDS), 0);
  CHECK_INT(send_bytes(ends[0], text, 9, many, BL_PACKET_FDS + 1),
            BL_ETOOBIG);
  for (int i = 0; i < 2; i++) {
    NEED(CHECK_INT(bl_packet_receive(ends[1], &p), 1));
    CHECK_INT(p.n, BL_PACKET_FDS);
    int taken = p.fds[7];
    p.fds[7] = BL_FD_NONE;
    bl_packet_drop(&p);
    CHECK(fcntl(taken, F_GETFD) == FD_CLOEXEC);
    bl_fd_close(taken);
  }
  free(text);
  close_pair(ends);
}

static void never_waits(void) {
  static struct bl_packet p;
  int ends[2], r = 0, sent = 0;
  NEED(open_pair(ends));
  CHECK_INT(bl_packet_receive(ends[1], &p), -EAGAIN);
  char *text = letters(BL_PACKET_INSIDE);
  while (sent < 10000 && r == 0) {
    r = send_bytes(ends[0], text, BL_PACKET_INSIDE, NULL, 0);
    sent += r == 0;
  }
  CHECK_INT(r, -EAGAIN);
  for (; sent > 0; sent--) {
    CHECK_INT(bl_packet_receive(ends[1], &p), 1);
    bl_packet_drop(&p);
  }
  bl_fd_close(ends[0]);
  CHECK_INT(bl_packet_receive(ends[1], &p), 0);
  CHECK_INT(send_bytes(ends[1], text, 5, NULL, 0), BL_ECLOSED);
  free(text);
  bl_fd_close(ends[1]);
}

/* What a hostile sender could put together. */
struct forged {
  uint32_t magic, descriptors;
  uint64_t size, tag, in_memory;
};

#define MAGIC UINT32_C(0x626c7031)

static int forge(const int ends[2], const struct forged *f, size_t size,
                 const int *fds, size_t n) {
  static struct bl_packet p;
  struct iovec part = {(void *)(uintptr_t)f, size};
  char room[CMSG_SPACE(253 * sizeof(int))] = {0};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
  if (n > 0) {
    m.msg_control = room;
    m.msg_controllen = CMSG_SPACE(n * sizeof *fds);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof *fds);
    memcpy(CMSG_DATA(c), fds, n * sizeof *fds);
  }
  CHECK(sendmsg(ends[0], &m, MSG_NOSIGNAL) == (ssize_t)size);
  int r = bl_packet_receive(ends[1], &p);
  CHECK_INT(p.n, 0);
  return r;
}

static void refuses_forged_heads(void) {
  static char long_one[sizeof(struct forged) + BL_PACKET_INSIDE + 1];
  const struct forged heads[] = {
      {MAGIC + 1, 0, 0, 0, 0},    {MAGIC, 0, 1, 0, 0},
      {MAGIC, 1, 0, 0, 0},        {MAGIC, 0, 0, 0, 2},
      {MAGIC, 0, 100, 0, 1},      {MAGIC, 0, UINT64_MAX, 0, 1},
      {MAGIC, 0, UINT64_MAX, 0, 0}, {MAGIC, UINT32_MAX, 0, 0, 0}};
  int ends[2];
  NEED(open_pair(ends));
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    CHECK_INT(forge(ends, &heads[i], sizeof *heads, NULL, 0), BL_EBADFRAME);
  for (size_t cut = 1; cut < sizeof *heads; cut++)
    CHECK_INT(forge(ends, &heads[1], cut, NULL, 0), BL_EBADFRAME);
  struct forged good = {MAGIC, 0, BL_PACKET_INSIDE + 1, 0, 0};
  memcpy(long_one, &good, sizeof good);
  CHECK_INT(forge(ends, (void *)long_one, sizeof long_one, NULL, 0),
            BL_EBADFRAME);
  close_pair(ends);
}

static void refuses_forged_descriptors(void) {
  int ends[2], pipe_ends[2], many[253];
  struct forged f = {MAGIC, 0, 0, 0, 0};
  NEED(open_pair(ends) && bl_fd_pipe(pipe_ends) == 0);
  for (int i = 0; i < 253; i++) many[i] = ends[0];
  CHECK_INT(forge(ends, &f, sizeof f, many, 1), BL_EBADFRAME);
  CHECK_INT(forge(ends, &f, sizeof f, many, 251), BL_EBADFRAME);
  CHECK_INT(forge(ends, &f, sizeof f, many, 253), BL_EBADFRAME);
  f.descriptors = 252;
  CHECK_INT(forge(ends, &f, sizeof f, many, 253), BL_EBADFRAME);
  f = (struct forged){MAGIC, 0, 10, 0, 1};
  CHECK_INT(forge(ends, &f, sizeof f, pipe_ends, 1), BL_EBADFRAME);
  int folder = bl_fd_open("/", O_RDONLY, 0);
  CHECK_INT(forge(ends, &f, sizeof f, &folder, 1), BL_EBADFRAME);
  int memory = bl_shm_open("test");
  CHECK(ftruncate(memory, 10) == 0);
  CHECK_INT(forge(ends, &f, sizeof f, &memory, 1), BL_EBADFRAME);
  bl_shm_freeze(memory); /* frozen, but nothing but a hole */
  CHECK_INT(forge(ends, &f, sizeof f, &memory, 1), BL_EBADFRAME);
  bl_fd_close(memory);
  bl_fd_close(folder);
  close_pair(pipe_ends);
  close_pair(ends);
}

static void survives_full_tables(void) {
  static struct bl_packet p;
  struct bl_packet_note note;
  struct rlimit old, low;
  int ends[2], fds[3];
  if (check_emulated()) SKIP("the limit is not kept here");
  NEED(open_pair(ends));
  for (int i = 0; i < 3; i++) fds[i] = ends[1];
  for (int i = 0; i < 2; i++)
    CHECK_INT(send_bytes(ends[0], "abc", 3, fds, 3), 0);
  getrlimit(RLIMIT_NOFILE, &old);
  low = old;
  low.rlim_cur = (rlim_t)bl_fd_copy(0) + 1;
  bl_fd_close((int)low.rlim_cur - 1); /* room for one of them */
  setrlimit(RLIMIT_NOFILE, &low);
  int lost = bl_packet_receive(ends[1], &p);
  CHECK_INT(bl_packet_peek(ends[1], &note), BL_PACKET_HEAD + 3);
  int kept = bl_packet_take(ends[1], &note, &p);
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK_INT(lost, -EMFILE);
  CHECK_INT(kept, -EMFILE);
  CHECK_INT(bl_packet_take(ends[1], &note, &p), 1);
  CHECK_INT(p.n, 3);
  bl_packet_drop(&p);
  CHECK_INT(bl_packet_peek(ends[1], &note), -EAGAIN);
  close_pair(ends);
}

CHECK_MAIN({"bytes of any number travel whole", carries_any_size},
           {"it is posted in parts, of any size", is_posted},
           {"after a look it is taken, with more in the socket itself",
            is_taken_after_a_look},
           {"so do up to 250 descriptors", carries_descriptors},
           {"neither side waits, and the end is seen", never_waits},
           {"a forged head is no packet", refuses_forged_heads},
           {"forged descriptors are closed", refuses_forged_descriptors},
           {"a full table of descriptors is an error, and leaks none",
            survives_full_tables})
