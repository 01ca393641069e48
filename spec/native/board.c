/* SPDX-License-Identifier: MIT */
#include "runtime/board.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/body.h"
#include "runtime/fd.h"
#include "spec/native/check.h"

enum { LONG = 5 * 1000 * 1000 };

static int64_t held(const struct bl_slot *slot) {
  struct stat s;
  int fd;
  unsigned index;
  uint32_t generation;
  if (bl_slot_share(slot, &fd, &index, &generation) < 0) return -1;
  return fstat(fd, &s) < 0 ? -1 : (int64_t)s.st_blocks * 512;
}

static char *letters(size_t n) {
  char *text = malloc(n);
  for (size_t i = 0; text && i < n; i++) text[i] = (char)('a' + i % 26);
  return text;
}

/* Takes the text of n letters that a child has left. */
static void has_letters(const struct bl_slot *slot, enum bl_text kind,
                        size_t n) {
  size_t size = 0;
  char *text = NULL, *expected = letters(n);
  CHECK_INT(bl_slot_text(slot, kind, &text, &size), 0);
  CHECK_INT(size, n);
  CHECK(text && expected && memcmp(text, expected, n) == 0);
  free(text);
  free(expected);
}

/* ---- one slot, from both sides ---- */

static struct bl_slot shared;
static size_t wanted; /* letters to tell */

static int tells(void) {
  char *text = letters(wanted);
  if (bl_slot_tell(&shared, BL_TEXT_RESULT, text, wanted) < 0) return 1;
  /* a second one is dropped */
  if (bl_slot_tell(&shared, BL_TEXT_RESULT, "x", 1) < 0) return 2;
  return bl_slot_tell(&shared, BL_TEXT_ERROR, "", 0) < 0 ? 3 : 0;
}

static void carries(size_t n) {
  size_t size;
  char *text = NULL;
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  wanted = n;
  CHECK_INT(check_in_child(tells), 0);
  has_letters(&shared, BL_TEXT_RESULT, n);
  CHECK_INT(bl_slot_text(&shared, BL_TEXT_ERROR, &text, &size), 0);
  CHECK_INT(size, 0);
  free(text);
  CHECK_INT(bl_slot_text(&shared, BL_TEXT_READY, &text, &size), -ENOENT);
  bl_slot_give(&shared);
}

static void carries_any_size(void) {
  const size_t sizes[] = {0, 1, BL_TEXT_MAX, BL_TEXT_MAX + 1, 4 << 20,
                          (4 << 20) + 1, LONG};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    carries(sizes[i]);
}

static void gives_memory_back(void) {
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  int64_t before = held(&shared);
  wanted = LONG;
  CHECK_INT(check_in_child(tells), 0);
  CHECK(held(&shared) >= before + LONG);
  has_letters(&shared, BL_TEXT_RESULT, LONG);
  CHECK_INT(held(&shared), before);
  bl_slot_give(&shared);
}

static void gives_unread_memory_back(void) {
  struct bl_slot other;
  NEED(CHECK_INT(bl_slot_take(&other), 0));
  int64_t before = held(&other);
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  wanted = LONG;
  CHECK_INT(check_in_child(tells), 0);
  bl_slot_give(&shared);
  CHECK_INT(held(&other), before);
  bl_slot_give(&other);
}

/* A slot that was another child's says nothing of that one. */
static void starts_empty(void) {
  size_t size;
  char *text;
  enum bl_step step;
  int error;
  for (int i = 0; i < 2; i++) {
    NEED(CHECK_INT(bl_slot_take(&shared), 0));
    CHECK_INT(bl_slot_answer(&shared, 0, &step, &error), 0);
    CHECK_INT(bl_slot_text(&shared, BL_TEXT_READY, &text, &size), -ENOENT);
    bl_slot_tell(&shared, BL_TEXT_READY, "here", 4);
    bl_slot_tell_answer(&shared, BL_STEP_CWD, -ENOENT);
    bl_slot_give(&shared);
  }
}

/* ---- answer ---- */

static int answers(void) {
  bl_slot_tell_answer(&shared, BL_STEP_NICE, -EPERM);
  return 0;
}

static void answer_is_awaited(void) {
  enum bl_step step = BL_STEP_NONE;
  int error = 0, status;
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  CHECK_INT(bl_slot_answer(&shared, BL_MILLISECOND_NS, &step, &error), 0);
  pid_t pid = fork();
  if (pid == 0) _exit(answers());
  int64_t deadline = CHECK_DEADLINE;
  while (!bl_slot_answer(&shared, BL_SECOND_NS, &step, &error) &&
         bl_now_ns() < deadline) {
  }
  CHECK_INT(error, -EPERM);
  CHECK_INT(step, BL_STEP_NICE);
  waitpid(pid, &status, 0);
  bl_slot_give(&shared);
}

/* ---- the gate ---- */

static pid_t parent;

/* 100 + what the signals are, or the error. */
static int waits_at_gate(void) {
  uint64_t signals = 0;
  int r = bl_gate_wait(&shared, parent, &signals);
  return r == BL_ECLOSED ? 1 : r < 0 ? 2 : 100 + (int)signals;
}

static pid_t behind_the_gate(void) {
  parent = getpid();
  pid_t pid = fork();
  if (pid == 0) _exit(waits_at_gate());
  return pid;
}

static void gate_is(pid_t pid, int status) {
  int got = 0;
  waitpid(pid, &got, 0);
  CHECK(WIFEXITED(got));
  CHECK_INT(WEXITSTATUS(got), status);
}

/* Until the child sleeps in the kernel. */
static void until_asleep(pid_t pid) {
  char path[64], line[256] = "", *end = NULL;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int64_t deadline = CHECK_DEADLINE;
  while (bl_now_ns() < deadline) {
    FILE *f = fopen(path, "r");
    if (f && fgets(line, sizeof line, f)) end = strrchr(line, ')');
    if (f) fclose(f);
    if (end && end[2] == 'S') return;
  }
  CHECK_FAIL("the child does not sleep");
}

static void gate_opens(void) {
  for (int asleep = 0; asleep < 2; asleep++) {
    NEED(CHECK_INT(bl_slot_take(&shared), 0));
    pid_t pid = behind_the_gate();
    if (asleep) until_asleep(pid);
    bl_gate_open(&shared, 7);
    gate_is(pid, 107);
    bl_slot_give(&shared);
  }
}

static void gate_is_refused(void) {
  for (int asleep = 0; asleep < 2; asleep++) {
    NEED(CHECK_INT(bl_slot_take(&shared), 0));
    pid_t pid = behind_the_gate();
    if (asleep) until_asleep(pid);
    bl_gate_refuse(&shared);
    gate_is(pid, 1);
    bl_slot_give(&shared);
  }
}

/* Forked by a process that is gone: nobody will open it. */
static int leaves_a_child(void) {
  int ends[2];
  char status = 0;
  if (bl_fd_pipe(ends) < 0) return 9;
  pid_t middle = fork();
  if (middle == 0) {
    parent = getpid();
    if (fork() == 0) {
      status = (char)waits_at_gate();
      _exit(write(ends[1], &status, 1) == 1 ? 0 : 1);
    }
    _exit(0);
  }
  waitpid(middle, NULL, 0);
  return read(ends[0], &status, 1) == 1 ? status : 8;
}

static void gate_of_the_dead(void) {
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  CHECK_INT(check_in_child(leaves_a_child), 1);
  bl_slot_give(&shared);
}

/* ---- generations ---- */

static void late_child_is_not_heard(void) {
  struct bl_slot late, next;
  size_t size;
  char *text;
  uint64_t signals;
  NEED(CHECK_INT(bl_slot_take(&late), 0));
  struct bl_slot given = late;
  bl_slot_give(&given);
  NEED(CHECK_INT(bl_slot_take(&next), 0));
  CHECK_INT(next.index, late.index); /* it is the same place */
  CHECK_INT(bl_slot_tell(&late, BL_TEXT_READY, "late", 4), BL_ECLOSED);
  CHECK_INT(bl_slot_text(&next, BL_TEXT_READY, &text, &size), -ENOENT);
  CHECK_INT(bl_slot_tell(&next, BL_TEXT_READY, "next", 4), 0);
  bl_gate_open(&next, 0); /* its own gate stays usable for texts */
  CHECK_INT(bl_slot_tell(&next, BL_TEXT_ERROR, "next", 4), 0);
  CHECK_INT(bl_gate_wait(&next, getppid(), &signals), 0);
  bl_slot_give(&next);
}

static void gate_is_looked_at(void) {
  struct bl_slot late;
  uint64_t signals = 0;
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  late = shared;
  CHECK_INT(bl_gate_look(&shared, 0, &signals), 0);
  CHECK_INT(bl_gate_look(&shared, BL_MILLISECOND_NS, &signals), 0);
  bl_gate_open(&shared, 7);
  CHECK_INT(bl_gate_look(&shared, 0, &signals), 1);
  CHECK_INT(signals, 7);
  bl_slot_give(&shared);
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  bl_gate_open(&shared, 0); /* which is not the late one's */
  CHECK_INT(bl_gate_look(&late, 0, &signals), BL_ECLOSED);
  bl_slot_give(&shared);
}

/* ---- handed over ---- */

static int share(int *fd, unsigned *index, uint32_t *generation) {
  int r = bl_slot_share(&shared, fd, index, generation);
  if (r == 0) r = *fd = bl_fd_copy(*fd);
  return r < 0 ? r : 0;
}

static int adopts(void) {
  int fd;
  unsigned index;
  uint32_t generation;
  char *text = letters(LONG);
  if (share(&fd, &index, &generation) < 0) return 1;
  if (bl_body_here()) return 2;
  if (bl_body_adopt(fd, index, generation, BL_FD_NONE) < 0) return 3;
  if (!bl_body_here()) return 4;
  bl_body_answer(BL_STEP_NONE, 0);
  if (bl_body_tell(BL_TEXT_READY, "adopted", 7) < 0) return 5;
  return bl_body_tell(BL_TEXT_RESULT, text, LONG) < 0 ? 6 : 0;
}

static void slot_is_adopted(void) {
  enum bl_step step;
  int error = 1;
  size_t size = 0;
  char *text = NULL;
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  CHECK_INT(check_in_child(adopts), 0);
  CHECK_INT(bl_slot_answer(&shared, 0, &step, &error), 1);
  CHECK_INT(error, 0);
  CHECK_INT(bl_slot_text(&shared, BL_TEXT_READY, &text, &size), 0);
  CHECK(size == 7 && memcmp(text, "adopted", 7) == 0);
  free(text);
  has_letters(&shared, BL_TEXT_RESULT, LONG);
  bl_slot_give(&shared);
}

static void only_boards_are_adopted(void) {
  struct bl_slot slot, mine;
  int fd;
  unsigned index;
  uint32_t generation;
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  CHECK_INT(bl_slot_adopt(&slot, bl_fd_copy(bl_fd_null()), 0, 0),
            BL_EBADFRAME);
  NEED(CHECK_INT(share(&fd, &index, &generation), 0));
  CHECK_INT(bl_slot_adopt(&slot, fd, 64, generation), BL_EBADFRAME);
  NEED(CHECK_INT(share(&fd, &index, &generation), 0));
  bl_slot_give(&shared);
  NEED(CHECK_INT(bl_slot_take(&mine), 0));
  CHECK_INT(bl_slot_adopt(&slot, fd, index, generation), BL_ECLOSED);
  bl_slot_give(&mine);
}

/* ---- limits ---- */

static int with_short_files(void) {
  struct rlimit limit = {4096, 4096};
  struct bl_slot slots[65], *s = &slots[64]; /* on a board of its own */
  int fd;
  unsigned index;
  uint32_t generation;
  char *text = letters(LONG);
  for (int i = 0; i < 64; i++)
    if (bl_slot_take(&slots[i]) < 0) return 1;
  if (setrlimit(RLIMIT_FSIZE, &limit) < 0) return 2;
  /* what is there goes on */
  if (bl_slot_tell(&slots[0], BL_TEXT_RESULT, text, LONG) < 0) return 3;
  if (bl_slot_take(s) < 0) return 4;
  if (bl_slot_share(s, &fd, &index, &generation) != -EFBIG) return 5;
  if (bl_slot_tell(s, BL_TEXT_RESULT, text, LONG) != -EFBIG) return 6;
  return bl_slot_tell(s, BL_TEXT_RESULT, text, BL_TEXT_MAX) < 0 ? 7 : 0;
}

static void file_limits_cost_long_texts_only(void) {
  CHECK_INT(check_in_child(with_short_files), 0);
}

static int with_closed_descriptors(void) {
  char *text = letters(LONG);
  bl_fd_close_others(NULL, 0);
  if (bl_slot_tell(&shared, BL_TEXT_RESULT, text, LONG) != -EBADF) return 1;
  return bl_slot_tell(&shared, BL_TEXT_RESULT, text, 26) < 0 ? 2 : 0;
}

static void lost_descriptors_cost_long_texts_only(void) {
  NEED(CHECK_INT(bl_slot_take(&shared), 0));
  CHECK_INT(check_in_child(with_closed_descriptors), 0);
  has_letters(&shared, BL_TEXT_RESULT, 26);
  bl_slot_give(&shared);
}

static void crowd_leaves_one_board(void) {
  enum { MANY = 300 };
  struct bl_slot slots[MANY];
  int fds = check_fds();
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < MANY; i++)
      NEED(CHECK_INT(bl_slot_take(&slots[i]), 0));
    CHECK_INT(check_fds(), fds + MANY / 64);
    for (int i = 0; i < MANY; i++)
      bl_slot_give(&slots[round ? i : MANY - 1 - i]);
    CHECK_INT(check_fds(), fds);
  }
}

int main(void) {
  static const struct check_test tests[] = {
      {"a text of any size arrives, and the first of a kind only",
       carries_any_size},
      {"the memory of a long text is given back", gives_memory_back},
      {"that of a text nobody read, with the slot", gives_unread_memory_back},
      {"a slot starts empty, whoever had it before", starts_empty},
      {"an answer is waited for", answer_is_awaited},
      {"an open gate lets the child go, awake or asleep", gate_opens},
      {"a refused gate sends it away, awake or asleep", gate_is_refused},
      {"a gate whose parent is gone does not hold", gate_of_the_dead},
      {"a gate that is looked at tells open, not yet, and never",
       gate_is_looked_at},
      {"a late child is not heard on the next one's slot",
       late_child_is_not_heard},
      {"a process that was not forked adopts its slot", slot_is_adopted},
      {"what is no board, no slot or past is not adopted",
       only_boards_are_adopted},
      {"a limit of file sizes costs long texts only",
       file_limits_cost_long_texts_only},
      {"lost descriptors cost long texts only",
       lost_descriptors_cost_long_texts_only},
      {"a crowd leaves one board behind", crowd_leaves_one_board},
  };
  struct bl_slot first; /* the board that stays opens a descriptor */
  if (bl_slot_take(&first) == 0) bl_slot_give(&first);
  bl_fd_null();
  return check_all(tests, sizeof tests / sizeof tests[0]);
}
