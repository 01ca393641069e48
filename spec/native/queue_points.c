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

#include "spec/native/queue_scenes.h"

static const char *armed; /* in the process that is to be stopped */

void bl_point(const char *name) {
  if (armed && strcmp(armed, name) == 0) kill(getpid(), SIGSTOP);
}

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
    {&grow_scene, "size_locked", NOT},
    {&grow_scene, "size_reserved", NOT},
    {&grow_scene, "size_spread", NOT},
    {&grow_scene, "size_ready", NOT},
    {&grow_scene, "size_known", NOT},
    {&shrink_scene, "size_locked", NOT},
    {&shrink_scene, "size_spread", NOT},
    {&shrink_scene, "size_ready", NOT},
    {&shrink_scene, "size_known", NOT},
    {&shrink_scene, "size_trimmed", NOT},
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

/* A handle as one has who was not forked, but sent the queue. */
static void adopt(void) {
  int fds[BL_QUEUE_FDS], n = bl_queue_fds(q, fds);
  uint64_t kind = bl_queue_kind(q);
  if (bl_queue_adopt(kind, fds, n, &q) < 0) _exit(1);
}

/* Stopped at the point, or it has ended: not to be reached. */
static pid_t stop_at(const struct scene *s, const char *point, int is_sent) {
  int how = 0;
  pid_t pid = fork();
  if (pid == 0) {
    if (is_sent) adopt();
    armed = point;
    s->act();
    _exit(0);
  }
  waitpid(pid, &how, WUNTRACED);
  if (WIFSTOPPED(how)) return pid;
  CHECK_FAIL("%s is never reached", point);
  return 0;
}

static void run(const struct scene *s, const char *point, int done,
                int is_sent) {
  int how = 0;
  s->prepare();
  pid_t other = s->gong ? sleeper(s) : 0;
  pid_t one = stop_at(s, point, is_sent);
  if (one > 0) {
    if (!is_sent) s->blocked();
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

static void survive(int is_sent) {
  for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
    int well = check_why[0] == '\0';
    run(points[i].scene, points[i].point, points[i].done, is_sent);
    if (well && check_why[0]) {
      size_t n = strlen(check_why);
      snprintf(check_why + n, sizeof check_why - n, " (case %zu, %s)", i,
               points[i].point);
    }
  }
}

static void survives_a_forked_one(void) { survive(0); }
static void survives_one_that_was_sent_it(void) { survive(1); }

CHECK_MAIN({"a death at any point is a message put, got, or neither",
            survives_a_forked_one},
           {"also of one who was sent the queue",
            survives_one_that_was_sent_it})
