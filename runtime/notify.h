/* SPDX-License-Identifier: MIT */
/* systemd's readiness protocol: a program sends datagrams of lines to the
 * socket that NOTIFY_SOCKET names; a line READY=1 says that it is up.
 *
 *   1. fd = bl_notify_open(variable)        for one program
 *   2. start it with bl_notify_environ(its environment, variable)
 *   3. bl_notify_ready(fd, pid) whenever fd is readable
 *   4. bl_fd_close(fd)
 *
 * The socket has no file: the kernel chooses an abstract name, which goes
 * with fd. As anybody can send to that, only the program itself counts, and
 * senders of our own user or root. */
#ifndef BILLIARD_NOTIFY_H
#define BILLIARD_NOTIFY_H

#include <sys/types.h>

#include "runtime/base.h"

enum { BL_NOTIFY_VARIABLE = 32 };

/* A non-blocking socket, and "NOTIFY_SOCKET=@name"; or -errno. */
int bl_notify_open(char variable[BL_NOTIFY_VARIABLE]);

/* env, null-terminated, with variable in the place of any other of its name.
 * The caller frees the list, whose strings are env's; null: no memory. */
char **bl_notify_environ(char *const *env, char *variable);

/* 1 when READY=1 has come, 0 not yet, or -errno. Never waits. */
int bl_notify_ready(int fd, pid_t pid);

#endif
