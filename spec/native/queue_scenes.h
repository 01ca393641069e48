/* SPDX-License-Identifier: MIT */
/* What goes on around the one that is stopped and killed at a point of a
 * queue (queue_points.c, which includes the queue's files before). */
#ifndef QUEUE_SCENES_H
#define QUEUE_SCENES_H

#include "runtime/poll.h"
#include "runtime/queue_impl.h"
#include "spec/native/onequeue.h"

#define SOON bl_deadline_ns(20 * BL_MILLISECOND_NS)

struct scene {
  void (*prepare)(void);
  int (*sleep)(void); /* another one, asleep before; what it ends with */
  struct bl_gong *(*gong)(void); /* by which it is woken; null: nobody */
  int woken;                     /* what it ends with */
  void (*act)(void);             /* the one that is stopped */
  void (*blocked)(void);         /* the others, meanwhile */
  void (*instead)(void);         /* the others, where it had not begun */
  void (*after)(void);
};

static struct bl_queue_head *head(void) { return bl_queue_head(q); }
static struct bl_gong *items_gong(void) { return &head()->put.gong; }
static struct bl_gong *room_gong(void) { return &head()->get.gong; }
static struct bl_gong *done_gong(void) { return &head()->done_gong; }

static int put_one(char c, int64_t deadline_ns) {
  return put_bytes(&c, 1, deadline_ns);
}

/* What a sleeper ends with: the message, or the error. */
static int get_one(int64_t deadline_ns) {
  bl_buf_cut(&got, 0);
  int r = bl_queue_get(q, &got, deadline_ns);
  return r < 0 ? -r % 100 : *bl_buf_front(&got);
}

static int status(int error) { return -error % 100; }

static void put_is_blocked(void) {
  CHECK_INT(put_one('m', SOON), BL_ETIMEOUT);
}
static void get_is_blocked(void) {
  CHECK_INT(get_one(SOON), status(BL_ETIMEOUT));
}
static void done_is_blocked(void) {
  CHECK_INT(bl_queue_done(q, SOON), BL_ETIMEOUT);
}

/* Whatever has been, it is an empty queue that works. */
static void works(void) {
  CHECK_INT(bl_queue_size(q), 0);
  CHECK_INT(get_one(0), status(BL_ETIMEOUT));
  CHECK_INT(put_one('w', CHECK_DEADLINE), 0);
  CHECK_INT(get_one(CHECK_DEADLINE), 'w');
}

/* ---- put: v, while one sleeps for it ---- */

static void open_empty(void) { open_queue(0, 1); }
static int sleep_get(void) { return get_one(CHECK_DEADLINE); }
static void put_v(void) { put_one('v', CHECK_DEADLINE); }

static const struct scene put_scene = {open_empty, sleep_get, items_gong,
                                       'v',        put_v,     put_is_blocked,
                                       put_v,      works};

/* The one that is killed slept for it, too. */
static void act_get(void) { get_one(BL_FOREVER); }

static const struct scene items_scene = {open_empty, sleep_get, items_gong,
                                         'v',        act_get,   put_is_blocked,
                                         put_v,      works};

/* ---- put: more than the ring has room for, which wraps ---- */

enum { PIECE = 9000, PIECES = 6, LARGE = 300000 };

static char bytes[LARGE];

static void put_many(char c, size_t n) {
  memset(bytes, c, n);
  CHECK_INT(put_bytes(bytes, n, CHECK_DEADLINE), 0);
}

static void get_many(char c, size_t n) {
  bl_buf_cut(&got, 0);
  CHECK_INT(bl_queue_get(q, &got, CHECK_DEADLINE), 0);
  CHECK_INT(bl_buf_length(&got), n);
  const char *front = bl_buf_front(&got);
  CHECK(front[0] == c && memcmp(front, front + 1, n - 1) == 0);
}

static void open_wrapped(void) {
  open_empty();
  for (int i = 0; i < 4; i++) put_many('x', PIECE);
  for (int i = 0; i < 4; i++) get_many('x', PIECE);
  for (int i = 0; i < PIECES; i++) put_many((char)('a' + i), PIECE);
}

static void put_large(void) { put_many('L', LARGE); }

static void both_are_blocked(void) {
  put_is_blocked();
  get_is_blocked();
}

static void get_pieces(void) {
  for (int i = 0; i < PIECES; i++) get_many((char)('a' + i), PIECE);
  get_many('L', LARGE);
  works();
}

static const struct scene grow_scene = {
    open_wrapped,     NULL,      NULL,      0, put_large,
    both_are_blocked, put_large, get_pieces};

/* ---- put: where the ring is far larger than what is in it ---- */

/* What is in it stands in the upper half, and this put is one of those that
   look whether the ring should shrink. */
static void open_wide(void) {
  static char much[3 << 20];
  open_empty();
  CHECK_INT(put_bytes(much, sizeof much, CHECK_DEADLINE), 0);
  get_many('\0', sizeof much);
  for (int i = 1 + PIECES; i < LOOK_EVERY; i++) {
    put_one('x', 0);
    get_one(0);
  }
  for (int i = 0; i < PIECES; i++) put_many((char)('a' + i), PIECE);
  CHECK_INT(head()->capacity, 4 << 20);
}

static const struct scene shrink_scene = {
    open_wide,        NULL,      NULL,      0, put_large,
    both_are_blocked, put_large, get_pieces};

/* ---- get: a of a and b, while one sleeps for room ---- */

static void open_full(void) {
  open_queue(2, 1);
  put_one('a', 0);
  put_one('b', 0);
}

static int sleep_put(void) { return put_one('c', CHECK_DEADLINE); }
static void get_a(void) { CHECK_INT(get_one(CHECK_DEADLINE), 'a'); }

static void get_the_rest(void) {
  CHECK_INT(bl_queue_size(q), 2);
  CHECK_INT(get_one(CHECK_DEADLINE), 'b');
  CHECK_INT(get_one(CHECK_DEADLINE), 'c');
  works();
}

static const struct scene get_scene = {open_full, sleep_put,   room_gong,
                                       0,         get_a,       get_is_blocked,
                                       get_a,     get_the_rest};

static void act_put(void) { put_one('v', BL_FOREVER); }

static const struct scene room_scene = {open_full, sleep_put,   room_gong,
                                        0,         act_put,     get_is_blocked,
                                        get_a,     get_the_rest};

/* ---- a level ---- */

static int is_readable(void) { return bl_poll_one(q->items, POLLIN, 0) > 0; }

static void watch(void) { bl_queue_fd(q); }

static void open_with_a(void) {
  open_empty();
  put_one('a', 0);
}

static void open_watched(void) {
  open_with_a();
  watch();
}

static void is_level(void) {
  works();
  CHECK(!is_readable());
  put_one('a', 0);
  CHECK(is_readable());
  CHECK_INT(get_one(0), 'a');
  CHECK(!is_readable());
}

static const struct scene emptied_scene = {
    open_watched, NULL, NULL, 0, get_a, put_is_blocked, get_a, is_level};

static void is_readable_then_level(void) {
  CHECK(is_readable());
  get_a();
  is_level();
}

static const struct scene watched_scene = {
    open_with_a, NULL,           NULL,  0,
    watch,       put_is_blocked, watch, is_readable_then_level};

/* ---- shutdown, while one sleeps on either side ---- */

static void shut(void) { bl_queue_shutdown(q, CHECK_DEADLINE); }

static void is_shut(void) {
  CHECK(bl_queue_is_shut(q));
  CHECK_INT(put_one('m', CHECK_DEADLINE), BL_ECLOSED);
}

static const struct scene shut_empty_scene = {
    open_empty, sleep_get,      items_gong, 2 /* BL_ECLOSED */,
    shut,       put_is_blocked, shut,       is_shut};

static int sleep_put_status(void) {
  return status(put_one('c', CHECK_DEADLINE));
}

static const struct scene shut_full_scene = {
    open_full, sleep_put_status, room_gong, 2,
    shut,      put_is_blocked,   shut,      is_shut};

/* ---- the last task is done, while one sleeps for that ---- */

static void open_got(void) {
  open_with_a();
  get_a();
}

static int sleep_join(void) {
  return -bl_queue_join(q, bl_queue_rounds(q), CHECK_DEADLINE);
}

static void do_it(void) { bl_queue_done(q, CHECK_DEADLINE); }

static void is_done(void) {
  CHECK_INT(bl_queue_unfinished(q), 0);
  CHECK_INT(bl_queue_done(q, 0), -ERANGE);
  works();
}

static const struct scene done_scene = {open_got, sleep_join, done_gong,
                                        0,        do_it,      done_is_blocked,
                                        do_it,    is_done};

static void act_join(void) { sleep_join(); }

static const struct scene join_scene = {open_got, sleep_join, done_gong,
                                        0,        act_join,   done_is_blocked,
                                        do_it,    is_done};

#endif
