/* SPDX-License-Identifier: MIT */
#include "runtime/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/fd.h"
#include "spec/native/check.h"

static char path[64];

static void name_path(void) {
  snprintf(path, sizeof path, "/tmp/listen-%d", (int)getpid());
  unlink(path);
}

/* 0 when somebody listens there. */
static int call_port(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int r = connect(fd, (struct sockaddr *)&at, sizeof at) < 0 ? -errno : 0;
  close(fd);
  return r;
}

static int call_path(void) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  int r = connect(fd, (struct sockaddr *)&at, sizeof at) < 0 ? -errno : 0;
  close(fd);
  return r;
}

static void tells_numbers_from_names(void) {
  CHECK(bl_listen_numeric("127.0.0.1"));
  CHECK(bl_listen_numeric("::1"));
  CHECK(!bl_listen_numeric("localhost"));
  CHECK(!bl_listen_numeric(""));
  CHECK_INT(bl_listen_tcp("localhost", 0, 8), -EINVAL);
}

static void listens_at_a_port(void) {
  int fd = bl_listen_tcp("127.0.0.1", 0, 8);
  NEED(fd > 2);
  int port = bl_listen_port(fd);
  CHECK(port > 0);
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  CHECK_INT(call_port(port), 0);
  CHECK_INT(bl_listen_tcp("127.0.0.1", (uint16_t)port, 8), -EADDRINUSE);
  bl_fd_close(fd);
  CHECK_INT(call_port(port), -ECONNREFUSED);
}

/* The connection that was called is in TIME_WAIT: in nobody's way. */
static void listens_where_one_ended_just_now(void) {
  int fd = bl_listen_tcp("127.0.0.1", 0, 8);
  NEED(fd > 2);
  int port = bl_listen_port(fd);
  CHECK_INT(call_port(port), 0);
  close(accept(fd, NULL, NULL));
  bl_fd_close(fd);
  fd = bl_listen_tcp("127.0.0.1", (uint16_t)port, 8);
  CHECK(fd > 2);
  bl_fd_close(fd);
}

static void makes_room_at_a_path_of_the_dead(void) {
  name_path();
  int fd = bl_listen_unix(path, 8);
  NEED(fd > 2);
  CHECK_INT(bl_listen_port(fd), 0);
  CHECK_INT(call_path(), 0);
  CHECK_INT(bl_listen_unix(path, 8), -EADDRINUSE);
  bl_fd_close(fd);
  fd = bl_listen_unix(path, 8);
  NEED(fd > 2);
  CHECK_INT(call_path(), 0);
  bl_fd_close(fd);
  unlink(path);
}

static void refuses_long_paths(void) {
  char longer[200];
  memset(longer, 'x', sizeof longer);
  longer[sizeof longer - 1] = '\0';
  CHECK_INT(bl_listen_unix(longer, 8), -ENAMETOOLONG);
}

/* In a child: what systemd does, and the status says how it went. */
static int passed(int pid, const char *fds, int n) {
  pid_t child = fork();
  if (child == 0) {
    char text[16];
    int fd = bl_listen_tcp("127.0.0.1", 0, 8);
    snprintf(text, sizeof text, "%d", pid ? pid : (int)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", fds, 1);
    dup2(fd, 3);
    int r = bl_listen_adopt(n);
    if (r < 0) _exit(-r);
    _exit(r > 3 && (fcntl(3, F_GETFD) & FD_CLOEXEC) &&
                  bl_listen_port(r) == bl_listen_port(3)
              ? 0
              : 250);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

static void adopts_what_systemd_passed(void) {
  CHECK_INT(passed(0, "1", 1), 0);
  CHECK_INT(passed(0, "1", 2), ENOENT);
  CHECK_INT(passed(0, "rubbish", 1), ENOENT);
  CHECK_INT(passed((int)getpid(), "1", 1), ENOENT);
  CHECK_INT(bl_listen_adopt(1), -ENOENT);
}

CHECK_MAIN({"a host is numeric or it is none", tells_numbers_from_names},
           {"a port is listened at until it is closed", listens_at_a_port},
           {"a port is free again at once", listens_where_one_ended_just_now},
           {"a path is taken over from the dead, not from the living",
            makes_room_at_a_path_of_the_dead},
           {"a path that is too long is refused", refuses_long_paths},
           {"a socket is adopted by the process that it was passed to",
            adopts_what_systemd_passed})
