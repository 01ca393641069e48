/* SPDX-License-Identifier: MIT */
#include "runtime/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/fd.h"
#include "spec/native/check.h"

static char variable[BL_NOTIFY_VARIABLE];

/* Sends text to the address in variable; 0 when it went. */
static int say(const char *text) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const char *name = strchr(variable, '@') + 1;
  size_t length = strlen(name);
  memcpy(to.sun_path + 1, name, length);
  socklen_t size = (socklen_t)(sizeof to.sun_family + 1 + length);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  ssize_t n = sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, size);
  close(fd);
  return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void hears_the_line(void) {
  static const char *const others[] = {"", "READY=10", "XREADY=1", "READY=0",
                                       "STATUS=READY=1", "READY=1 "};
  int fd = bl_notify_open(variable);
  NEED(fd > 2);
  CHECK_INT(bl_notify_ready(fd, getpid()), 0);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    CHECK_INT(say(others[i]), 0);
    CHECK_INT(bl_notify_ready(fd, getpid()), 0);
  }
  CHECK_INT(say("STATUS=up\nREADY=1\nMAINPID=1"), 0);
  CHECK_INT(bl_notify_ready(fd, getpid()), 1);
  CHECK_INT(bl_notify_ready(fd, getpid()), 0);
  bl_fd_close(fd);
}

static void name_goes_with_it(void) {
  int fd = bl_notify_open(variable);
  NEED(fd > 2);
  bl_fd_close(fd);
  CHECK(say("READY=1") < 0);
}

static void environment_has_it_once(void) {
  char a[] = "A=1", old[] = "NOTIFY_SOCKET=/old", b[] = "NOTIFY_SOCKETS=2";
  char new[] = "NOTIFY_SOCKET=@new";
  char *const env[] = {a, old, b, NULL};
  char **list = bl_notify_environ(env, new);
  NEED(list);
  CHECK(list[0] == a && list[1] == b && list[2] == new && !list[3]);
  free(list);
  list = bl_notify_environ(NULL, new);
  NEED(list);
  CHECK(list[0] == new && !list[1]);
  free(list);
}

CHECK_MAIN({"READY=1 is heard where it is a line of its own", hears_the_line},
           {"the address goes with the descriptor", name_goes_with_it},
           {"an environment gets the address in the place of another",
            environment_has_it_once})
