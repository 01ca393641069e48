/* SPDX-License-Identifier: MIT */
#include "runtime/poller.h"

#include <sys/eventfd.h>
#include <sys/wait.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "spec/native/check.h"

static struct bl_poller *fresh(void) {
  int error = 0;
  return bl_poller_new(&error);
}

/* Bit i: id i is ready now. */
static unsigned ready(struct bl_poller *p) {
  unsigned bits = 0;
  int n = bl_poller_wait(p, 0);
  for (int i = 0; i < n; i++) bits |= 1u << bl_poller_ready(p, i);
  return bits;
}

static void levels(void) {
  int ends[2];
  char byte = 'x';
  struct bl_poller *p = fresh();
  NEED(p && bl_fd_pipe(ends) == 0);
  CHECK_INT(bl_poller_add(p, ends[0], POLLIN), 0);
  CHECK_INT(bl_poller_add(p, ends[1], POLLOUT), 1);
  CHECK_INT(bl_poller_add(p, ends[0], 0), 2);
  CHECK_INT(ready(p), 2);
  bl_fd_write(ends[1], &byte, 1);
  CHECK_INT(ready(p), 3);
  CHECK_INT(ready(p), 3);
  bl_poller_remove(p, 1);
  bl_fd_read(ends[0], &byte, 1);
  CHECK_INT(ready(p), 0);
  bl_fd_close(ends[1]);
  CHECK_INT(ready(p), 5); /* its end is news for all who have it */
  CHECK_INT(bl_poller_count(p), 2);
  p = bl_poller_free(p);
  bl_fd_close(ends[0]);
}

static void gives_ids_again(void) {
  struct bl_poller *p = fresh();
  int fd = eventfd(1, EFD_CLOEXEC);
  NEED(p && fd >= 0);
  for (int i = 0; i < 20; i++) CHECK_INT(bl_poller_add(p, fd, POLLIN), i);
  bl_poller_remove(p, 7);
  CHECK_INT(ready(p), 0xFFFFFu & ~(1u << 7));
  CHECK_INT(bl_poller_add(p, fd, POLLIN), 7);
  CHECK_INT(ready(p), 0xFFFFFu);
  p = bl_poller_free(p);
  bl_fd_close(fd);
}

/* A ring is heard by each, whoever else has heard it. */
static void edges(void) {
  struct bl_poller *p = fresh(), *q = fresh();
  int bell = eventfd(0, EFD_CLOEXEC);
  uint64_t one = 1;
  NEED(p && q && bell >= 0);
  bl_poller_add(p, bell, POLLIN | BL_POLLER_EDGE);
  bl_poller_add(q, bell, POLLIN | BL_POLLER_EDGE);
  for (int i = 0; i < 3; i++) {
    bl_fd_write(bell, &one, sizeof one);
    CHECK_INT(ready(p), 1);
    CHECK_INT(ready(p), 0);
    CHECK_INT(ready(q), 1);
    CHECK_INT(ready(q), 0);
  }
  p = bl_poller_free(p);
  q = bl_poller_free(q);
  bl_fd_close(bell);
}

static void refuses(void) {
  struct bl_poller *p = fresh();
  NEED(p);
  CHECK_INT(bl_poller_add(p, 9999, POLLIN), -EBADF);
  CHECK_INT(bl_poller_add(p, bl_poller_fd(p), POLLIN), -EINVAL);
  CHECK_INT(bl_poller_count(p), 0);
  CHECK_INT(bl_poller_add(p, BL_FD_NONE, POLLIN), 0);
  CHECK_INT(ready(p), 0);
  bl_poller_remove(p, 0);
  p = bl_poller_free(p);
}

/* The file lives on in a copy, as it does in a forked child. */
static void survives_ghosts(void) {
  struct bl_poller *p = fresh();
  int fd = eventfd(1, EFD_CLOEXEC), live = eventfd(1, EFD_CLOEXEC);
  int copy = bl_fd_copy(fd);
  NEED(p && fd >= 0 && live >= 0 && copy >= 0);
  int id = bl_poller_add(p, fd, POLLIN);
  bl_fd_close(fd);
  bl_poller_remove(p, id);
  CHECK_INT(bl_poller_wait(p, bl_now_ns() + BL_MILLISECOND_NS), 0);
  CHECK_INT(bl_poller_add(p, live, POLLIN), 0);
  CHECK_INT(ready(p), 1);
  CHECK_INT(dup2(live, fd), fd); /* the number is another file's */
  CHECK_INT(bl_poller_add(p, fd, POLLIN), 1);
  CHECK_INT(ready(p), 3);
  p = bl_poller_free(p);
  bl_fd_close(fd);
  bl_fd_close(copy);
  bl_fd_close(live);
}

static void is_closed_in_a_fork(void) {
  int status = -1, fd = eventfd(1, EFD_CLOEXEC);
  struct bl_poller *p = fresh();
  NEED(p && fd >= 0);
  bl_poller_add(p, fd, POLLIN);
  pid_t pid = fork();
  if (pid == 0) {
    int closed = bl_poller_fd(p) == BL_FD_NONE;
    bl_poller_remove(p, 0); /* of its own copy only */
    bl_poller_free(p);
    _exit(closed ? 0 : 1);
  }
  CHECK_INT(waitpid(pid, &status, 0), pid);
  CHECK_INT(status, 0);
  CHECK_INT(ready(p), 1);
  p = bl_poller_free(p);
  bl_fd_close(fd);
}

CHECK_MAIN({"a poller reports levels, and ends to all", levels},
           {"an id is given again after its removal", gives_ids_again},
           {"each poller hears each edge once", edges},
           {"a poller refuses what is no descriptor, and itself", refuses},
           {"a file that cannot be named any more is forgotten",
            survives_ghosts},
           {"a fork leaves the set alone", is_closed_in_a_fork})
