/* SPDX-License-Identifier: MIT */
/* A queue between processes. */
#include <fcntl.h>

#include "runtime/fd.h"
#include "spec/native/onequeue.h"

static pid_t child(void (*f)(void)) {
  pid_t pid = fork();
  if (pid == 0) {
    f();
    _exit(0);
  }
  return pid;
}

static int join(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

/* ---- several processes ---- */

static void put_late(void) {
  while (bl_queue_size(q) == 0 && put("x") == 0) continue;
}

static void wakes_sleepers(void) {
  NEED(open_queue(0, 0));
  for (int i = 0; i < 300; i++) {
    pid_t pid = child(put_late);
    CHECK_STR(get(CHECK_DEADLINE), "x");
    CHECK_INT(join(pid), 0);
    while (bl_queue_size(q) > 0) get(0);
  }
  close_queue();
}

static void get_one(void) {
  if (bl_queue_get(q, &got, CHECK_DEADLINE) < 0) _exit(1);
}

static void wakes_who_waits_for_room(void) {
  NEED(open_queue(1, 0));
  for (int i = 0; i < 300; i++) {
    CHECK_INT(put("a"), 0);
    pid_t pid = child(get_one);
    CHECK_INT(put_bytes("b", 1, CHECK_DEADLINE), 0);
    CHECK_INT(join(pid), 0);
    CHECK_STR(get(0), "b");
  }
  close_queue();
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 30000 };

struct item {
  uint32_t producer, number;
};

static uint32_t me;

static void produce(void) {
  struct item item = {me, 0};
  for (; item.number < EACH; item.number++)
    if (put_bytes(&item, sizeof item, CHECK_DEADLINE) < 0) _exit(1);
}

/* Each producer's items come in order, whoever gets them. */
static void consume(void) {
  uint32_t next[PRODUCERS] = {0}, sum = 0;
  struct item item;
  for (int r; (r = bl_queue_get(q, &got, CHECK_DEADLINE)) != BL_ECLOSED;) {
    if (r < 0 || bl_buf_length(&got) != sizeof item) _exit(1);
    memcpy(&item, bl_buf_front(&got), sizeof item);
    bl_buf_cut(&got, 0);
    if (item.producer >= PRODUCERS || item.number < next[item.producer])
      _exit(2);
    next[item.producer] = item.number + 1;
    sum++;
    if (bl_queue_done(q, CHECK_DEADLINE) < 0) _exit(3);
  }
}

static void serves_many(uint64_t maxsize) {
  pid_t producers[PRODUCERS], consumers[CONSUMERS];
  NEED(open_queue(maxsize, 1));
  for (int i = 0; i < CONSUMERS; i++) consumers[i] = child(consume);
  for (me = 0; me < PRODUCERS; me++) producers[me] = child(produce);
  for (int i = 0; i < PRODUCERS; i++) CHECK_INT(join(producers[i]), 0);
  CHECK_INT(bl_queue_join(q, bl_queue_rounds(q), CHECK_DEADLINE), 0);
  CHECK_INT(bl_queue_size(q), 0);
  CHECK_INT(bl_queue_unfinished(q), 0);
  CHECK_INT(bl_queue_shutdown(q, CHECK_DEADLINE), 0);
  for (int i = 0; i < CONSUMERS; i++) CHECK_INT(join(consumers[i]), 0);
  close_queue();
}

static void serves_many_unbounded(void) { serves_many(0); }
static void serves_many_bounded(void) { serves_many(5); }

/* ---- shutdown and joining ---- */

static void get_closed(void) {
  if (bl_queue_get(q, &got, CHECK_DEADLINE) != BL_ECLOSED) _exit(1);
}

static void put_closed(void) {
  if (put_bytes("", 0, CHECK_DEADLINE) != BL_ECLOSED) _exit(1);
}

static void sleeping(pid_t pid) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  for (const char *state = NULL; !state || state[2] != 'S';) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = bl_fd_read(fd, text, sizeof text - 1);
    bl_fd_close(fd);
    text[n > 0 ? n : 0] = '\0';
    state = strrchr(text, ')');
  }
}

static void shutdown_wakes(void (*f)(void), uint64_t maxsize) {
  NEED(open_queue(maxsize, 0));
  if (maxsize > 0) CHECK_INT(put("full"), 0);
  pid_t one = child(f), two = child(f);
  sleeping(one);
  sleeping(two);
  CHECK_INT(bl_queue_shutdown(q, 0), 0);
  CHECK_INT(join(one), 0);
  CHECK_INT(join(two), 0);
  close_queue();
}

static void shutdown_wakes_all(void) {
  shutdown_wakes(get_closed, 0);
  shutdown_wakes(put_closed, 1);
}

static void join_it(void) {
  if (bl_queue_join(q, bl_queue_rounds(q), CHECK_DEADLINE) < 0) _exit(1);
}

static void wakes_joiners(void) {
  NEED(open_queue(0, 1));
  for (int i = 0; i < 200; i++) {
    CHECK_INT(put("a"), 0);
    pid_t one = child(join_it), two = child(join_it);
    if (i % 2) sleeping(one);
    get(0);
    CHECK_INT(bl_queue_done(q, 0), 0);
    CHECK_INT(join(one), 0);
    CHECK_INT(join(two), 0);
  }
  close_queue();
}

CHECK_MAIN({"a put wakes who sleeps", wakes_sleepers},
           {"a get wakes who waits for room", wakes_who_waits_for_room},
           {"many processes lose and double nothing", serves_many_unbounded},
           {"nor do they with a bound", serves_many_bounded},
           {"shutdown wakes all who wait", shutdown_wakes_all},
           {"the last one done wakes all who join", wakes_joiners})
