/* SPDX-License-Identifier: MIT */
#include "runtime/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/lock.h"

enum { MEMBERS = 64 };

struct bl_lifegroup {
  int reader;
  int writer;
  struct bl_fd_id id; /* of the pipe: a host may have closed its ends */
  int members;
  int capacity;
  struct bl_lifegroup *next;
};

static struct bl_lifegroup *groups; /* bl_lock */

/* In every fork of this process: a copy of a write end would keep the owner's
 * children alive after the owner's death. */
static void let_go(void) {
  for (struct bl_lifegroup *g = groups; g; g = g->next) {
    bl_fd_close_own(g->reader, &g->id);
    bl_fd_close_own(g->writer, &g->id);
  }
  groups = NULL;
}

static int group_new(struct bl_lifegroup **out) {
  int ends[2];
  struct bl_lifegroup *g = calloc(1, sizeof *g);
  if (!g) return -ENOMEM;
  int r = bl_fd_pipe(ends);
  if (r < 0) {
    free(g);
    return r;
  }
  g->reader = ends[0];
  g->writer = ends[1];
  g->capacity = MEMBERS;
  bl_fd_identify(g->reader, &g->id);
  g->next = groups;
  groups = g;
  *out = g;
  return 0;
}

/* A pipe whose ends a host has closed takes no more children. */
static int has_room(const struct bl_lifegroup *g) {
  return g->members < g->capacity && bl_fd_verify(g->reader, &g->id) == 0;
}

static int group_with_room(struct bl_lifegroup **out) {
  for (struct bl_lifegroup *g = groups; g; g = g->next)
    if (has_room(g)) {
      *out = g;
      return 0;
    }
  return group_new(out);
}

/* Without /proc no second description of a pipe can be had: the child gets
 * the reader of a pipe made for it alone. */
static int own_reader(struct bl_lifegroup **g) {
  int r = group_new(g);
  if (r < 0) return r;
  int fd = (*g)->reader;
  (*g)->reader = BL_FD_NONE;
  (*g)->capacity = 1;
  return fd;
}

static int reader_for_child(struct bl_lifegroup **g) {
  char path[32];
  int r = group_with_room(g);
  if (r < 0) return r;
  snprintf(path, sizeof path, "/proc/self/fd/%d", (*g)->reader);
  int fd = bl_fd_open(path, O_RDONLY, 0);
  if (fd == -ENOENT || fd == -EACCES) return own_reader(g);
  r = fd < 0 ? fd : bl_fd_verify(fd, &(*g)->id);
  if (r == 0) return fd;
  bl_fd_close(fd < 0 ? BL_FD_NONE : fd);
  return r;
}

int bl_lifeline_take(struct bl_lifeline *line) {
  struct bl_lifegroup *g = NULL;
  bl_lock_at_fork(let_go);
  bl_lock();
  int fd = reader_for_child(&g);
  if (fd >= 0) {
    g->members++;
    *line = (struct bl_lifeline){fd, g};
  }
  bl_unlock();
  return fd < 0 ? fd : 0;
}

static int room_beside(const struct bl_lifegroup *one) {
  for (struct bl_lifegroup *g = groups; g; g = g->next)
    if (g != one && has_room(g)) return 1;
  return 0;
}

static void drop(struct bl_lifegroup **at) {
  struct bl_lifegroup *gone = *at;
  *at = gone->next;
  bl_fd_close_own(gone->reader, &gone->id);
  bl_fd_close_own(gone->writer, &gone->id);
  free(gone);
}

/* An empty pipe stays for the children to come, until there is room in another
 * one, or where it has no reader that could be copied. */
static void drop_spent(void) {
  struct bl_lifegroup **at = &groups;
  while (*at) {
    struct bl_lifegroup *g = *at;
    if (g->members == 0 && (g->reader == BL_FD_NONE || room_beside(g))) drop(at);
    else at = &g->next;
  }
}

void bl_lifeline_handed_over(struct bl_lifeline *line) {
  line->fd = bl_fd_close(line->fd);
}

void bl_lifeline_give(struct bl_lifeline *line) {
  if (!line->group) return;
  bl_lifeline_handed_over(line);
  bl_lock();
  line->group->members--;
  drop_spent();
  bl_unlock();
  line->group = NULL;
}

int bl_lifeline_arm(int fd, int whole_group) {
  char byte;
  pid_t self = getpid();
  if (fcntl(fd, F_SETOWN, whole_group ? -self : self) < 0) return -errno;
  if (fcntl(fd, F_SETSIG, SIGKILL) < 0) return -errno;
  if (fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) < 0) return -errno;
  /* what the group starts holds it too, should this process be dead by then */
  if (whole_group && fcntl(fd, F_SETFD, 0) < 0) return -errno;
  /* it may have gone before we asked */
  return bl_fd_read(fd, &byte, 1) == 0 ? BL_ECLOSED : 0;
}
