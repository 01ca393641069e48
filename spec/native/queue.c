/* SPDX-License-Identifier: MIT */
#include "runtime/queue.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/fd.h"
#include "runtime/interrupt.h"
#include "runtime/poll.h"
#include "spec/native/onequeue.h"

#define SOON bl_deadline_ns(60 * BL_MILLISECOND_NS)

static int is_readable(int fd) { return bl_poll_one(fd, POLLIN, 0) > 0; }

/* ---- one process ---- */

static void keeps_order(void) {
  NEED(open_queue(0, 0));
  CHECK_INT(bl_queue_size(q), 0);
  CHECK_STR(get(0), word(BL_ETIMEOUT));
  CHECK_INT(put("one"), 0);
  CHECK_INT(put(""), 0);
  CHECK_INT(put("three"), 0);
  CHECK_INT(bl_queue_size(q), 3);
  CHECK_STR(get(0), "one");
  CHECK_STR(get(0), "");
  CHECK_STR(get(0), "three");
  CHECK_STR(get(0), word(BL_ETIMEOUT));
  close_queue();
}

static void is_bounded(void) {
  NEED(open_queue(2, 0));
  CHECK_INT(bl_queue_maxsize(q), 2);
  CHECK_INT(put("a"), 0);
  CHECK_INT(put("b"), 0);
  CHECK_INT(put("c"), BL_ETIMEOUT);
  int64_t begun = bl_now_ns();
  CHECK_INT(put_bytes("c", 1, SOON), BL_ETIMEOUT);
  CHECK(bl_now_ns() - begun >= 60 * BL_MILLISECOND_NS);
  CHECK_STR(get(0), "a");
  CHECK_INT(put("c"), 0);
  CHECK_INT(bl_queue_size(q), 2);
  close_queue();
}

static void waits_for_items(void) {
  NEED(open_queue(0, 0));
  int64_t begun = bl_now_ns();
  CHECK_STR(get(SOON), word(BL_ETIMEOUT));
  CHECK(bl_now_ns() - begun >= 60 * BL_MILLISECOND_NS);
  CHECK_INT(put("late"), 0); /* rings for nobody: the waiter is gone */
  CHECK_STR(get(CHECK_DEADLINE), "late");
  close_queue();
}

static void costs_little(void) {
  struct stat s;
  int fds[BL_QUEUE_FDS];
  NEED(open_queue(0, 1));
  CHECK_INT(bl_queue_fds(q, fds), 4);
  NEED(fstat(fds[0], &s) == 0);
  CHECK(s.st_blocks * 512 <= 128 * 1024);
  close_queue();
}

/* ---- growing ---- */

/* Message i has a size of its own, and its bytes tell i. */
static size_t fill(char *to, unsigned i) {
  size_t n = (i * 7919u) % 5000u;
  memset(to, (int)(i % 251), n);
  return n;
}

static int is_message(unsigned i) {
  static char expected[5000];
  size_t n = fill(expected, i);
  return bl_buf_length(&got) == n &&
         memcmp(bl_buf_front(&got), expected, n) == 0;
}

/* Puts and gets so that the ring wraps and grows with messages in it. */
static void grows(void) {
  enum { MESSAGES = 20000 };
  static char bytes[5000];
  unsigned in = 0, out = 0;
  NEED(open_queue(0, 0));
  while (out < MESSAGES) {
    unsigned more = 1 + in % 13, less = 1 + in % 11;
    for (; more > 0 && in < MESSAGES; more--, in++)
      NEED(CHECK_INT(put_bytes(bytes, fill(bytes, in), 0), 0));
    for (; less > 0 && out < in; less--, out++) {
      bl_buf_cut(&got, 0);
      NEED(CHECK_INT(bl_queue_get(q, &got, 0), 0));
      NEED(is_message(out));
    }
    CHECK_INT(bl_queue_size(q), in - out);
  }
  close_queue();
}

static void takes_large_ones(void) {
  size_t n = (size_t)40 << 20;
  char *bytes = malloc(n);
  NEED(bytes && open_queue(0, 0));
  memset(bytes, 'x', n);
  CHECK_INT(put("first"), 0);
  CHECK_INT(put_bytes(bytes, n, 0), 0);
  CHECK_INT(put("last"), 0);
  CHECK_STR(get(0), "first");
  bl_buf_cut(&got, 0);
  CHECK_INT(bl_queue_get(q, &got, 0), 0);
  CHECK_INT(bl_buf_length(&got), n);
  CHECK(memcmp(bl_buf_front(&got), bytes, n) == 0);
  CHECK_STR(get(0), "last");
  struct iovec parts[] = {{bytes, 3}, {NULL, 0}, {bytes, 2}, {bytes, n}};
  CHECK_INT(bl_queue_put(q, parts, 3, 0), 0);
  CHECK_STR(get(0), "xxxxx");
  parts[1].iov_len = SIZE_MAX; /* and the sum is small */
  CHECK_INT(bl_queue_put(q, parts, 4, 0), BL_ETOOBIG);
  CHECK_INT(put_bytes(bytes, SIZE_MAX, 0), BL_ETOOBIG);
  CHECK_INT(put_bytes(bytes, ((size_t)1 << 30) - 7, 0), BL_ETOOBIG);
  free(bytes);
  close_queue();
}

static int64_t kib(void) {
  struct stat s;
  int fds[BL_QUEUE_FDS];
  bl_queue_fds(q, fds);
  return fstat(fds[0], &s) < 0 ? -1 : (int64_t)s.st_blocks / 2;
}

/* By halves, at a look that some puts take; with messages in it. */
static void gives_back_what_it_grew_by(void) {
  size_t n = (size_t)40 << 20;
  char *bytes = calloc(1, n);
  unsigned out = 0, in = 0;
  NEED(bytes && open_queue(0, 0));
  CHECK_INT(put_bytes(bytes, n, 0), 0);
  CHECK_INT(bl_queue_get(q, &got, 0), 0);
  CHECK(kib() > 40 * 1024);
  for (; in < 20000; in++) {
    CHECK_INT(put_bytes(bytes, fill(bytes, in), 0), 0);
    if (in - out < 15) continue;
    bl_buf_cut(&got, 0);
    CHECK_INT(bl_queue_get(q, &got, 0), 0);
    CHECK(is_message(out++));
  }
  CHECK(kib() <= 1024 + 4);
  CHECK_INT(put_bytes(bytes, n, 0), 0); /* and grows again */
  for (; out < in; out++) {
    bl_buf_cut(&got, 0);
    CHECK_INT(bl_queue_get(q, &got, 0), 0);
    CHECK(is_message(out));
  }
  free(bytes);
  close_queue();
}

/* Where files may have 512 KiB, 128 KiB of messages make a queue full. */
static void is_full_of_bytes(void) {
  static char bytes[50000];
  struct rlimit old, low;
  getrlimit(RLIMIT_FSIZE, &old);
  low = old;
  low.rlim_cur = 512 * 1024;
  setrlimit(RLIMIT_FSIZE, &low);
  int is_open = open_queue(0, 0);
  if (is_open) {
    CHECK_INT(put_bytes(bytes, 128 * 1024 + 1, 0), BL_ETOOBIG);
    for (int i = 0; i < 3; i++)
      CHECK_INT(put_bytes(bytes, sizeof bytes, 0), 0);
    CHECK_INT(put(""), BL_ETIMEOUT);
    CHECK_INT(bl_queue_get(q, &got, 0), 0);
    CHECK_INT(put(""), 0);
  }
  setrlimit(RLIMIT_FSIZE, &old);
  close_queue();
}

/* The file is as long as it will ever be: a limit that comes later, and would
   kill by a signal, has nothing to say. */
static void grows_below_a_later_limit(void) {
  static char bytes[500000];
  struct rlimit old, low;
  NEED(open_queue(0, 0));
  getrlimit(RLIMIT_FSIZE, &old);
  low = old;
  low.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &low);
  CHECK_INT(put_bytes(bytes, sizeof bytes, 0), 0);
  setrlimit(RLIMIT_FSIZE, &old);
  CHECK_INT(bl_queue_get(q, &got, 0), 0);
  CHECK_INT(bl_buf_length(&got), sizeof bytes);
  close_queue();
}

/* In a child of its own: where no more memory may be mapped. */
static int put_without_memory(void) {
  static char bytes[50 << 20];
  struct rlimit low = {(rlim_t)100 << 20, (rlim_t)100 << 20};
  if (put("small") < 0 || setrlimit(RLIMIT_AS, &low) < 0) return 1;
  int r = 0, n = 1;
  while ((r = put_bytes(bytes, sizeof bytes, 0)) == 0) n++;
  if (r != -ENOMEM || bl_queue_size(q) != (uint64_t)n) return 2;
  if (strcmp(get(0), "small") != 0 || put("still") < 0) return 3;
  return 0;
}

static void says_that_it_cannot_grow(void) {
  if (CHECK_ASAN) SKIP("address space has no limit under ASan");
  NEED(open_queue(0, 0));
  CHECK_INT(check_in_child(put_without_memory), 0);
  close_queue();
}

/* ---- shutdown ---- */

static void can_be_shut(void) {
  NEED(open_queue(0, 0));
  CHECK_INT(put("left"), 0);
  CHECK(!bl_queue_is_shut(q));
  CHECK_INT(bl_queue_shutdown(q, 0), 0);
  CHECK_INT(bl_queue_shutdown(q, 0), 0);
  CHECK(bl_queue_is_shut(q));
  CHECK_INT(put("more"), BL_ECLOSED);
  CHECK_STR(get(CHECK_DEADLINE), "left");
  CHECK_STR(get(CHECK_DEADLINE), word(BL_ECLOSED));
  close_queue();
}

/* ---- joining ---- */

static void counts_what_is_done(void) {
  NEED(open_queue(0, 1));
  CHECK(bl_queue_joinable(q));
  CHECK_INT(bl_queue_join(q, 0, 0), 0);
  CHECK_INT(put("a"), 0);
  CHECK_INT(put("b"), 0);
  CHECK_INT(bl_queue_done(q, 0), -ERANGE); /* nothing was got */
  CHECK_INT(bl_queue_join(q, bl_queue_rounds(q), SOON), BL_ETIMEOUT);
  get(0);
  CHECK_INT(bl_queue_done(q, 0), 0);
  CHECK_INT(bl_queue_done(q, 0), -ERANGE);
  get(0);
  uint64_t since = bl_queue_rounds(q);
  CHECK_INT(bl_queue_unfinished(q), 1);
  CHECK_INT(bl_queue_done(q, 0), 0);
  CHECK_INT(bl_queue_unfinished(q), 0);
  CHECK_INT(put("c"), 0);
  CHECK_INT(bl_queue_join(q, since, 0), 0); /* for a moment, all was */
  CHECK_INT(bl_queue_join(q, bl_queue_rounds(q), 0), BL_ETIMEOUT);
  close_queue();
}

/* ---- loops ---- */

static void fd_is_a_level(void) {
  NEED(open_queue(0, 0));
  CHECK_INT(put("before"), 0);
  int fd = bl_queue_fd(q);
  NEED(fd >= 0);
  CHECK(is_readable(fd));
  get(0);
  CHECK(!is_readable(fd));
  for (int i = 0; i < 3; i++) {
    CHECK_INT(put("a"), 0);
    CHECK_INT(put("b"), 0);
    get(0);
    CHECK(is_readable(fd));
    get(0);
    CHECK(!is_readable(fd));
    CHECK_STR(get(SOON), word(BL_ETIMEOUT));
    CHECK(!is_readable(fd));
  }
  CHECK_INT(bl_queue_shutdown(q, 0), 0);
  CHECK(is_readable(fd));
  close_queue();
}

static void room_has_an_fd(void) {
  NEED(open_queue(1, 1));
  CHECK(is_readable(bl_queue_room_fd(q)));
  CHECK_INT(put("a"), 0);
  CHECK(!is_readable(bl_queue_room_fd(q)));
  uint64_t since = bl_queue_rounds(q);
  int all_done = bl_queue_join_fd(q, since);
  CHECK(!is_readable(all_done));
  int room = bl_queue_room_fd(q);
  get(0);
  CHECK(is_readable(room));
  CHECK(!is_readable(all_done));
  CHECK_INT(bl_queue_done(q, 0), 0);
  CHECK(is_readable(all_done));
  CHECK(is_readable(bl_queue_join_fd(q, since)));
  close_queue();
}

static void sees_requests(void) {
  NEED(open_queue(0, 0));
  bl_interrupt_set(BL_INTERRUPT_TERMINATE);
  CHECK_INT(bl_queue_get(q, &got, CHECK_DEADLINE), BL_ETERMINATED);
  CHECK_INT(bl_interrupt_take(), BL_INTERRUPT_TERMINATE);
  close_queue();
}

/* ---- descriptors ---- */

static void can_be_adopted(void) {
  int fds[BL_QUEUE_FDS], copies[BL_QUEUE_FDS];
  struct bl_queue *other = NULL;
  NEED(open_queue(0, 1));
  int n = bl_queue_fds(q, fds);
  for (int i = 0; i < n; i++) copies[i] = bl_fd_copy(fds[i]);
  static char bytes[100000];
  CHECK_INT(put_bytes(bytes, sizeof bytes, 0), 0); /* grown */
  NEED(CHECK_INT(bl_queue_adopt(bl_queue_kind(q), copies, n, &other), 0));
  CHECK(bl_queue_joinable(other));
  CHECK_INT(bl_queue_size(other), 1);
  CHECK_INT(bl_queue_get(other, &got, 0), 0);
  CHECK_INT(bl_buf_length(&got), sizeof bytes);
  struct iovec back = {(void *)(uintptr_t) "back", 4};
  CHECK_INT(bl_queue_put(other, &back, 1, 0), 0);
  CHECK_STR(get(0), "back");
  bl_queue_free(other);
  CHECK_INT(put("still"), 0);
  close_queue();
}

static int refuses(uint64_t kind, int memory, int n) {
  struct bl_queue *other = NULL;
  int fds[BL_QUEUE_FDS];
  int before = check_fds();
  fds[0] = bl_fd_copy(memory);
  for (int i = 1; i < n; i++) fds[i] = bl_fd_copy(memory);
  int r = bl_queue_adopt(kind, fds, n, &other);
  CHECK_INT(check_fds(), before);
  CHECK(!other);
  return r;
}

static void adopts_nothing_else(void) {
  int fds[BL_QUEUE_FDS];
  NEED(open_queue(0, 0));
  uint64_t kind = bl_queue_kind(q);
  bl_queue_fds(q, fds);
  CHECK_INT(refuses(kind, fds[0], 2), BL_EBADFRAME);
  CHECK_INT(refuses(kind / 2, fds[0], 3), BL_EBADFRAME);
  CHECK_INT(refuses(kind * 2, fds[0], 3), BL_EBADFRAME);
  CHECK_INT(refuses(0, fds[0], 3), BL_EBADFRAME);
  CHECK_INT(refuses(kind, fds[1], 3), BL_EBADFRAME);
  int null = bl_fd_open("/dev/null", O_RDWR, 0);
  CHECK_INT(refuses(kind, null, 3), BL_EBADFRAME);
  bl_fd_close(null);
  close_queue();
}

static void is_an_error_without_descriptors(void) {
  struct rlimit old, low;
  getrlimit(RLIMIT_NOFILE, &old);
  low = old;
  for (rlim_t n = 3; n < 8; n++) { /* one more is there each time */
    low.rlim_cur = n;
    setrlimit(RLIMIT_NOFILE, &low);
    int r = bl_queue_new(0, 1, &q);
    setrlimit(RLIMIT_NOFILE, &old);
    if (r == 0) q = bl_queue_free(q);
    else CHECK_INT(r, -EMFILE);
  }
}

CHECK_MAIN(
    {"messages come out in their order", keeps_order},
    {"a bound is kept, and putting waits until the deadline", is_bounded},
    {"getting waits until the deadline", waits_for_items},
    {"an empty one costs 128 KiB", costs_little},
    {"the ring grows with messages in it", grows},
    {"large messages pass, too large ones are refused", takes_large_ones},
    {"half the reserve makes a queue full", is_full_of_bytes},
    {"a ring that is too large shrinks", gives_back_what_it_grew_by},
    {"a later limit of files does not stop it", grows_below_a_later_limit},
    {"one that cannot grow says so, and is whole", says_that_it_cannot_grow},
    {"after shutdown what is in can be got", can_be_shut},
    {"what is done is counted", counts_what_is_done},
    {"the descriptor is a level", fd_is_a_level},
    {"waiting for room and for the end has descriptors", room_has_an_fd},
    {"a request to end this process ends a wait", sees_requests},
    {"a queue travels as descriptors", can_be_adopted},
    {"nothing else is taken for one", adopts_nothing_else},
    {"lack of descriptors is an error", is_an_error_without_descriptors})
