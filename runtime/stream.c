/* SPDX-License-Identifier: MIT */
#include "runtime/stream.h"

#include <errno.h>
#include <string.h>

#include "runtime/fd.h"
#include "runtime/lock.h"
#include "runtime/poll.h"
#include "runtime/signals.h"

enum { READ_SIZE = 65536 }; /* what a pipe holds */

static struct bl_stream *open_streams; /* bl_lock */

static void close_in_child(void) {
  for (struct bl_stream *s = open_streams; s; s = s->next)
    s->fd = bl_fd_close_own(s->fd, &s->id);
  open_streams = NULL;
}

void bl_stream_init(struct bl_stream *s, int fd) {
  *s = (struct bl_stream){.fd = fd};
  if (fd == BL_FD_NONE) return;
  bl_fd_identify(fd, &s->id);
  s->writes = bl_fd_writes(fd);
  bl_lock_at_fork(close_in_child);
  bl_lock();
  s->next = open_streams;
  if (s->next) s->next->previous = s;
  open_streams = s;
  bl_unlock();
}

static void unlink_stream(struct bl_stream *s) {
  bl_lock();
  if (s->next) s->next->previous = s->previous;
  if (s->previous) s->previous->next = s->next;
  else open_streams = s->next;
  bl_unlock();
}

void bl_stream_close(struct bl_stream *s) {
  if (s->fd != BL_FD_NONE) unlink_stream(s);
  s->fd = bl_fd_close_own(s->fd, &s->id);
  bl_buf_reset(&s->read);
}

static int check(const struct bl_stream *s) {
  return s->fd == BL_FD_NONE ? BL_ECLOSED : bl_fd_verify(s->fd, &s->id);
}

static int wait_ready(int fd, short events, int64_t deadline_ns) {
  int r = bl_poll_one(fd, events, deadline_ns);
  return r == 0 ? BL_ETIMEOUT : r;
}

ssize_t bl_stream_fill(struct bl_stream *s, int64_t deadline_ns) {
  char *to;
  int r = check(s);
  if (r < 0) return r;
  if (s->ended) return 0;
  r = bl_buf_room(&s->read, READ_SIZE, &to);
  if (r < 0) return r;
  for (;;) {
    ssize_t n = bl_fd_read(s->fd, to, READ_SIZE);
    if (n > 0) bl_buf_added(&s->read, (size_t)n);
    if (n == 0) s->ended = 1;
    if (n != -EAGAIN) return n;
    r = wait_ready(s->fd, POLLIN, deadline_ns);
    if (r < 0) return r;
  }
}

size_t bl_stream_line(const struct bl_stream *s) {
  const char *front = bl_buf_front(&s->read);
  const char *end = memchr(front, '\n', bl_buf_length(&s->read));
  return end ? (size_t)(end - front) + 1 : 0;
}

static ssize_t write_some(int fd, const char *bytes, size_t size) {
  sigset_t saved;
  bl_signals_mute_pipe(&saved);
  ssize_t n = bl_fd_write(fd, bytes, size);
  bl_signals_unmute_pipe(&saved, n == -EPIPE);
  return n == -EPIPE ? BL_ECLOSED : n;
}

int bl_stream_write(struct bl_stream *s, const char *bytes, size_t size,
                    int64_t deadline_ns, size_t *done) {
  int r = check(s);
  if (r < 0) return r;
  while (*done < size) {
    ssize_t n = write_some(s->fd, bytes + *done, size - *done);
    if (n >= 0) {
      *done += (size_t)n;
      continue;
    }
    r = n == -EAGAIN ? wait_ready(s->fd, POLLOUT, deadline_ns) : (int)n;
    if (r < 0) return r;
  }
  return 0;
}
