/* SPDX-License-Identifier: MIT */
/* A process is stopped at each point of each critical section of a queue, then
 * killed there. While it is stopped the others' time-outs hold, and nobody
 * takes what it has. Once it is dead, what it was doing is done or has not
 * begun; then another one does it. Either way whoever slept is woken, and
 * nothing is lost or there twice.
 *
 * The files are compiled in, with their points. */
#define BL_KILL_POINTS
#include "runtime/consumer.c"
#include "runtime/gong.c"
#include "runtime/producer.c"
#include "runtime/queue.c"
#include "runtime/store.c"

#include <fcntl.h>
#include <signal.h>

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

static const char *armed; /* in the process that is to be stopped */

void bl_point(const char *name) {
  if (armed && strcmp(armed, name) == 0) kill(getpid(), SIGSTOP);
}

static struct bl_queue_head *head(void) { return bl_queue_head(q); }
static struct bl_gong *items_gong(void) { return &head()->put.gong; }
static struct bl_gong *room_gong(void) { return &head()->get.gong; }
static struct bl_gong *done_gong(void) { return &head()->done_gong; }

static int put_one(char c, int64_t deadline_ns) {
  return bl_queue_put(q, &c, 1, deadline_ns);
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
  CHECK_INT(bl_queue_put(q, bytes, n, CHECK_DEADLINE), 0);
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

/* ---- all of them ---- */

enum { NOT, DONE }; /* what it was doing, when it dies at the point */

static const struct {
  const struct scene *scene;
  const char *point;
  int done;
} points[] = {
    {&put_scene, "put_locked", NOT},
    {&put_scene, "put_written", NOT},
    {&put_scene, "put_prepared", NOT},
    {&put_scene, "sound_rung", NOT},
    {&put_scene, "sound_noted", NOT},
    {&put_scene, "put_rung", NOT},
    {&put_scene, "put_committed", DONE},
    {&items_scene, "items_locked", NOT},
    {&items_scene, "await_noted", NOT},
    {&items_scene, "await_silent", NOT},
    {&grow_scene, "grow_locked", NOT},
    {&grow_scene, "grow_reserved", NOT},
    {&grow_scene, "grow_spread", NOT},
    {&grow_scene, "grow_ready", NOT},
    {&grow_scene, "grow_known", NOT},
    {&get_scene, "get_locked", NOT},
    {&get_scene, "get_read", NOT},
    {&get_scene, "get_prepared", NOT},
    {&get_scene, "sound_rung", NOT},
    {&get_scene, "sound_noted", NOT},
    {&get_scene, "get_rung", NOT},
    {&get_scene, "get_committed", DONE},
    {&room_scene, "room_locked", NOT},
    {&room_scene, "await_noted", NOT},
    {&room_scene, "await_silent", NOT},
    {&emptied_scene, "level_locked", DONE},
    {&emptied_scene, "await_noted", DONE},
    {&emptied_scene, "await_silent", DONE},
    {&watched_scene, "level_locked", NOT},
    {&watched_scene, "sound_rung", NOT},
    {&watched_scene, "sound_noted", DONE},
    {&shut_empty_scene, "shut_locked", NOT},
    {&shut_empty_scene, "sound_rung", NOT},
    {&shut_empty_scene, "sound_noted", NOT},
    {&shut_empty_scene, "shut_rung", NOT},
    {&shut_empty_scene, "shut_set", DONE},
    {&shut_full_scene, "shut_rung", NOT},
    {&shut_full_scene, "shut_set", DONE},
    {&done_scene, "done_locked", NOT},
    {&done_scene, "done_prepared", NOT},
    {&done_scene, "sound_rung", NOT},
    {&done_scene, "sound_noted", NOT},
    {&done_scene, "done_rung", NOT},
    {&done_scene, "done_committed", DONE},
    {&join_scene, "join_locked", NOT},
    {&join_scene, "await_noted", NOT},
    {&join_scene, "await_silent", NOT},
};

static int is_asleep(pid_t pid) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = bl_fd_read(fd, text, sizeof text - 1);
  bl_fd_close(fd);
  const char *name_end = n > 0 ? strrchr(text, ')') : NULL;
  return name_end && name_end[2] == 'S';
}

static pid_t sleeper(const struct scene *s) {
  pid_t pid = fork();
  if (pid == 0) _exit(s->sleep());
  while (!s->gong()->awaited || !is_asleep(pid)) continue;
  return pid;
}

/* Stopped at the point, or it has ended: not to be reached. */
static pid_t stop_at(const struct scene *s, const char *point) {
  int how = 0;
  pid_t pid = fork();
  if (pid == 0) {
    armed = point;
    s->act();
    _exit(0);
  }
  waitpid(pid, &how, WUNTRACED);
  if (WIFSTOPPED(how)) return pid;
  CHECK_FAIL("%s is never reached", point);
  return 0;
}

static void run(const struct scene *s, const char *point, int done) {
  int how = 0;
  s->prepare();
  pid_t other = s->gong ? sleeper(s) : 0;
  pid_t one = stop_at(s, point);
  if (one > 0) {
    s->blocked();
    kill(one, SIGKILL);
    waitpid(one, NULL, 0);
  }
  if (!done) s->instead();
  if (other > 0) {
    waitpid(other, &how, 0);
    CHECK_INT(how, s->woken << 8);
  }
  s->after();
  close_queue();
}

static void survives_a_death_at_each_point(void) {
  for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
    int well = check_why[0] == '\0';
    run(points[i].scene, points[i].point, points[i].done);
    if (well && check_why[0]) {
      size_t n = strlen(check_why);
      snprintf(check_why + n, sizeof check_why - n, " (case %zu, %s)", i,
               points[i].point);
    }
  }
}

CHECK_MAIN({"a death at any point is a message put, got, or neither",
            survives_a_death_at_each_point})
