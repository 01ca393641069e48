/* SPDX-License-Identifier: MIT */
/* File descriptors: born close-on-exec and above 2, EINTR retried here and
 * nowhere else. Calls return >= 0 or -errno; errno itself is left alone by
 * those that succeed. */
#ifndef BILLIARD_FD_H
#define BILLIARD_FD_H

#include <sys/types.h>

#include "runtime/base.h"

/* Which file a descriptor stood for when it was opened: a host that closes
 * all descriptors behind our back, and reuses the numbers, is found out. */
struct bl_fd_id {
  dev_t dev;
  ino_t ino;
};

/* Closes fd unless it is BL_FD_NONE, and returns BL_FD_NONE. */
int bl_fd_close(int fd);

/* Makes a pipe: ends[0] to read, ends[1] to write. */
int bl_fd_pipe(int ends[2]);

/* Makes two SEQPACKET sockets that are each other's ends. */
int bl_fd_socketpair(int ends[2]);

/* Opens a file; without waiting for the other side of a FIFO. */
int bl_fd_open(const char *path, int flags, mode_t mode);

/* Takes fd, also when it fails, and returns a number above 2 for it: where a
 * host closed its stdio, new descriptors land on 0..2, in the way of a
 * child's. fd < 0: -errno of the call that gave it. */
int bl_fd_above_stdio(int fd);

/* The null device, for reading and writing: one descriptor for the whole
 * process, which stays open. */
int bl_fd_null(void);

/* A copy of fd, above 2; fd itself stays open. */
int bl_fd_copy(int fd);

ssize_t bl_fd_read(int fd, void *to, size_t size);
ssize_t bl_fd_write(int fd, const void *from, size_t size);

int bl_fd_nonblock(int fd);

/* Is fd for writing only? */
int bl_fd_writes(int fd);

/* Remembers what fd is; 0 or -errno. */
int bl_fd_identify(int fd, struct bl_fd_id *id);

/* 0 when fd is still the file it was, -EBADF when not. */
int bl_fd_verify(int fd, const struct bl_fd_id *id);

/* Closes fd if it is still the file it was; returns BL_FD_NONE. */
int bl_fd_close_own(int fd, const struct bl_fd_id *id);

/* child: closes every descriptor above 2 but those in keep, which is sorted
 * upwards, n long, and may hold BL_FD_NONE at its front. Async-signal-safe. */
void bl_fd_close_others(const int *keep, size_t n);

#endif
