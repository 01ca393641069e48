/* SPDX-License-Identifier: MIT */
#include "runtime/stream.h"

#include <fcntl.h>
#include <signal.h>

#include "runtime/fd.h"
#include "spec/native/check.h"

static int open_pair(struct bl_stream *reader, struct bl_stream *writer) {
  int ends[2];
  if (!CHECK_INT(bl_fd_pipe(ends), 0)) return 0;
  bl_fd_nonblock(ends[0]);
  bl_fd_nonblock(ends[1]);
  bl_stream_init(reader, ends[0]);
  bl_stream_init(writer, ends[1]);
  return 1;
}

static void reads_lines(void) {
  struct bl_stream r, w;
  size_t done = 0;
  NEED(open_pair(&r, &w));
  CHECK_INT(bl_stream_write(&w, "ab\nc", 4, CHECK_DEADLINE, &done), 0);
  CHECK_INT(done, 4);
  CHECK_INT(bl_stream_line(&r), 0);
  CHECK_INT(bl_stream_fill(&r, CHECK_DEADLINE), 4);
  CHECK_INT(bl_stream_line(&r), 3);
  bl_buf_eat(&r.read, 3);
  CHECK_INT(bl_stream_line(&r), 0);
  bl_stream_close(&w);
  CHECK_INT(bl_stream_fill(&r, CHECK_DEADLINE), 0);
  CHECK_INT(bl_stream_fill(&r, CHECK_DEADLINE), 0);
  CHECK_INT(bl_buf_length(&r.read), 1);
  bl_stream_close(&r);
}

static void times_out(void) {
  static const char block[1 << 20];
  struct bl_stream r, w;
  size_t done = 0;
  NEED(open_pair(&r, &w));
  CHECK_INT(bl_stream_fill(&r, bl_deadline_ns(0)), BL_ETIMEOUT);
  CHECK_INT(bl_stream_write(&w, block, sizeof block, bl_deadline_ns(0), &done),
            BL_ETIMEOUT);
  CHECK(done > 0 && done < sizeof block);
  CHECK(bl_stream_fill(&r, bl_deadline_ns(0)) > 0);
  bl_stream_close(&r);
  bl_stream_close(&w);
}

/* SIGPIPE has its default action: the test would die of it. */
static void survives_its_reader(void) {
  struct bl_stream r, w;
  size_t done = 0;
  sigset_t pending;
  NEED(open_pair(&r, &w));
  bl_stream_close(&r);
  CHECK_INT(bl_stream_write(&w, "x", 1, CHECK_DEADLINE, &done), BL_ECLOSED);
  CHECK_INT(done, 0);
  sigpending(&pending);
  CHECK(!sigismember(&pending, SIGPIPE));
  bl_stream_close(&w);
}

static void is_closed_once(void) {
  struct bl_stream r, w;
  size_t done = 0;
  NEED(open_pair(&r, &w));
  bl_stream_close(&w);
  bl_stream_close(&w);
  bl_stream_close(&r);
  CHECK_INT(bl_stream_fill(&r, CHECK_DEADLINE), BL_ECLOSED);
  CHECK_INT(bl_stream_write(&w, "x", 1, CHECK_DEADLINE, &done), BL_ECLOSED);
}

static struct bl_stream reader, writer;

static int looks_at_streams(void) {
  return (reader.fd != BL_FD_NONE) + (writer.fd != BL_FD_NONE);
}

static void is_not_inherited(void) {
  NEED(open_pair(&reader, &writer));
  CHECK_INT(check_in_child(looks_at_streams), 0);
  CHECK(fcntl(writer.fd, F_GETFD) >= 0);
  bl_stream_close(&reader);
  bl_stream_close(&writer);
}

CHECK_MAIN({"lines are found in what was read ahead", reads_lines},
           {"a deadline ends reading and writing", times_out},
           {"a reader that is gone is an error, no signal",
            survives_its_reader},
           {"a closed stream says so, and closes once", is_closed_once},
           {"a fork closes the streams it did not ask for", is_not_inherited})
