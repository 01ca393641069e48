/* SPDX-License-Identifier: MIT */
/* The parent's end of a child's stdin, stdout or stderr: a non-blocking pipe
 * end with a buffer for what was read ahead. Calls return >= 0, BL_EINTR or
 * BL_ETERMINATED (poll.h; nothing is lost, call again), BL_ETIMEOUT,
 * BL_ECLOSED after bl_stream_close() or for a reader that is gone, -EBADF when
 * the number is another file's by now, -errno. */
#ifndef BILLIARD_STREAM_H
#define BILLIARD_STREAM_H

#include <sys/types.h>

#include "runtime/base.h"
#include "runtime/buf.h"
#include "runtime/fd.h"

struct bl_stream {
  int fd; /* BL_FD_NONE: closed */
  struct bl_fd_id id; /* a host may have closed fd behind our back */
  int ended;
  int writes; /* fd is a write end */
  struct bl_buf read;
  struct bl_stream *next, *previous; /* all open ones of this process */
};

/* Takes fd, which must be non-blocking, or BL_FD_NONE for a closed stream.
 * The struct stays where it is until it is closed. In every fork of this
 * process the stream is closed: a sibling that kept a copy of a write end
 * would keep the reader from its end of file. */
void bl_stream_init(struct bl_stream *s, int fd);
void bl_stream_close(struct bl_stream *s);

/* Reads ahead: waits until there is something more in s->read. Returns the
 * number of new bytes, 0 at the end of the stream. */
ssize_t bl_stream_fill(struct bl_stream *s, int64_t deadline_ns);

/* Length of the first line in s->read, its newline included; 0 if none. */
size_t bl_stream_line(const struct bl_stream *s);

/* Writes what can be written by the deadline; *done counts the bytes, also
 * when it fails. 0 when all were. */
int bl_stream_write(struct bl_stream *s, const char *bytes, size_t size,
                    int64_t deadline_ns, size_t *done);

#endif
