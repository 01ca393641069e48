/* SPDX-License-Identifier: MIT */
#include "runtime/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/fd.h"

#define NAME "NOTIFY_SOCKET="
#define READY "READY=1"

enum { DATAGRAM_MAX = 4096 }; /* what systemd takes */

/* Binding to an address of no length makes the kernel choose a name. */
static int bind_to_any(int fd, char variable[BL_NOTIFY_VARIABLE]) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  socklen_t size = sizeof at.sun_family;
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
      bind(fd, (struct sockaddr *)&at, size) < 0)
    return -errno;
  size = sizeof at;
  if (getsockname(fd, (struct sockaddr *)&at, &size) < 0) return -errno;
  int length = (int)(size - offsetof(struct sockaddr_un, sun_path)) - 1;
  int n = snprintf(variable, BL_NOTIFY_VARIABLE, NAME "@%.*s", length,
                   at.sun_path + 1);
  return n < BL_NOTIFY_VARIABLE ? 0 : -ENAMETOOLONG;
}

int bl_notify_open(char variable[BL_NOTIFY_VARIABLE]) {
  int fd = bl_fd_above_stdio(
      socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0) return fd;
  int r = bind_to_any(fd, variable);
  if (r < 0) bl_fd_close(fd);
  return r < 0 ? r : fd;
}

char **bl_notify_environ(char *const *env, char *variable) {
  size_t n = 0, kept = 0;
  while (env && env[n]) n++;
  char **list = calloc(n + 2, sizeof *list);
  if (!list) return NULL;
  for (size_t i = 0; i < n; i++)
    if (strncmp(env[i], NAME, strlen(NAME)) != 0) list[kept++] = env[i];
  list[kept] = variable;
  return list;
}

static int is_trusted(struct msghdr *m, pid_t pid) {
  struct ucred from;
  struct cmsghdr *c = CMSG_FIRSTHDR(m);
  if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
    return 0;
  memcpy(&from, CMSG_DATA(c), sizeof from);
  return from.pid == pid || from.uid == 0 || from.uid == geteuid();
}

static int has_ready_line(const char *text) {
  size_t length = strlen(READY);
  while (text) {
    if (strncmp(text, READY, length) == 0 &&
        (text[length] == '\n' || text[length] == '\0'))
      return 1;
    text = strchr(text, '\n');
    if (text) text++;
  }
  return 0;
}

int bl_notify_ready(int fd, pid_t pid) {
  char text[DATAGRAM_MAX + 1];
  /* room for the sender only: descriptors that come along are dropped */
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct ucred))];
  } control;
  for (;;) {
    struct iovec part = {text, DATAGRAM_MAX};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? 0 : -errno;
    text[n] = '\0';
    if (is_trusted(&m, pid) && has_ready_line(text)) return 1;
  }
}
