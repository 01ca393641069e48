/* SPDX-License-Identifier: MIT */
#include "runtime/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/self.h"

enum { FIRST_PASSED = 3 }; /* as systemd has it */

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un path;
};

/* Fills it in; its size, or 0 where host is not numeric. */
static socklen_t parse(const char *host, uint16_t port, union address *at) {
  memset(at, 0, sizeof *at);
  if (inet_pton(AF_INET, host, &at->v4.sin_addr) == 1) {
    at->v4.sin_family = AF_INET;
    at->v4.sin_port = htons(port);
    return sizeof at->v4;
  }
  if (inet_pton(AF_INET6, host, &at->v6.sin6_addr) == 1) {
    at->v6.sin6_family = AF_INET6;
    at->v6.sin6_port = htons(port);
    return sizeof at->v6;
  }
  return 0;
}

int bl_listen_numeric(const char *host) {
  union address at;
  return parse(host, 0, &at) > 0;
}

static int new_socket(int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return bl_fd_above_stdio(fd);
}

/* Takes fd, also when it fails. */
static int listen_at(int fd, const union address *at, socklen_t size,
                     int backlog) {
  if (bind(fd, &at->any, size) == 0 && listen(fd, backlog) == 0) return fd;
  int error = errno;
  bl_fd_close(fd);
  return -error;
}

int bl_listen_tcp(const char *host, uint16_t port, int backlog) {
  union address at;
  int on = 1;
  socklen_t size = parse(host, port, &at);
  if (size == 0) return -EINVAL;
  int fd = new_socket(at.any.sa_family);
  if (fd < 0) return fd;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return listen_at(fd, &at, size, backlog);
}

/* Does nobody answer at that path any more? */
static int is_deserted(const union address *at) {
  int fd = new_socket(AF_UNIX);
  if (fd < 0) return 0;
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK); /* a full backlog is an answer */
  int refused = connect(fd, &at->any, sizeof at->path) < 0 &&
                errno == ECONNREFUSED;
  bl_fd_close(fd);
  return refused;
}

int bl_listen_unix(const char *path, int backlog) {
  union address at = {.path = {.sun_family = AF_UNIX}};
  if (strlen(path) >= sizeof at.path.sun_path) return -ENAMETOOLONG;
  memcpy(at.path.sun_path, path, strlen(path));
  for (int last = 0;; last = 1) {
    int fd = new_socket(AF_UNIX);
    if (fd < 0) return fd;
    fd = listen_at(fd, &at, sizeof at.path, backlog);
    if (fd != -EADDRINUSE || last || !is_deserted(&at)) return fd;
    unlink(path);
  }
}

static long number_in(const char *variable) {
  const char *text = getenv(variable);
  return text ? strtol(text, NULL, 10) : 0;
}

int bl_listen_adopt(int n) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (number_in("LISTEN_PID") != bl_self_pid() || n < 1 ||
      n > number_in("LISTEN_FDS"))
    return -ENOENT;
  int fd = FIRST_PASSED + n - 1;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
      !listens)
    return -EINVAL;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return bl_fd_copy(fd);
}

int bl_listen_port(int fd) {
  union address at;
  socklen_t size = sizeof at;
  if (getsockname(fd, &at.any, &size) < 0) return -errno;
  if (at.any.sa_family == AF_INET) return ntohs(at.v4.sin_port);
  return at.any.sa_family == AF_INET6 ? ntohs(at.v6.sin6_port) : 0;
}
