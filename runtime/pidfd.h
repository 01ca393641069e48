/* SPDX-License-Identifier: MIT */
/* What a parent holds of a child: a number that nobody else can get while the
 * handle is open, and a descriptor that is readable once the child has ended.
 *
 * That is a pidfd. Where the system refuses pidfd_open() (a filter in a
 * container, an emulator), a forked child holds the write end of a pipe
 * instead: `by_pid` is set, waiting and signalling go by the number, which is
 * the child's until we have reaped it, and the descriptor is late if the
 * child leaves children of its own. */
#ifndef BILLIARD_PIDFD_H
#define BILLIARD_PIDFD_H

#include <sys/types.h>

#include "runtime/fd.h"

struct bl_pidfd {
  int fd; /* BL_FD_NONE: none */
  pid_t pid;
  int by_pid;
  struct bl_fd_id id; /* a host may have closed fd behind our back */
};

/* Can pidfds be opened here? Asked of the system once. */
int bl_pidfd_usable(void);

/* A pidfd of pid, above 2, or -errno. The caller makes sure whose pid it
 * is. */
int bl_pidfd_open(pid_t pid);

/* Takes fd as the descriptor of h. */
void bl_pidfd_take(struct bl_pidfd *h, int fd);

#endif
