/* SPDX-License-Identifier: MIT */
/* Sockets that listen, for servers whose workers share one: made here, or
 * passed by systemd. Addresses are numeric; there is no look-up.
 *
 * Descriptors are close-on-exec, above 2 and blocking; the caller closes them.
 * Calls return one, or -errno. */
#ifndef BILLIARD_LISTEN_H
#define BILLIARD_LISTEN_H

#include "runtime/base.h"

/* Is host an IPv4 or IPv6 address in numbers? */
int bl_listen_numeric(const char *host);

/* Listens there; port 0: one that is free. SO_REUSEADDR is set, so that a
 * server which ended just now is in nobody's way. -EINVAL where the host is
 * not numeric. */
int bl_listen_tcp(const char *host, uint16_t port, int backlog);

/* Listens at a path. A socket that is left there by a dead server makes room;
 * one that answers does not: -EADDRINUSE. */
int bl_listen_unix(const char *path, int backlog);

/* The nth (from 1) of the sockets that systemd passed to this very process
 * (LISTEN_FDS, LISTEN_PID), as a descriptor of its own: the passed one stays.
 * -ENOENT where there is none, -EINVAL where it does not listen. */
int bl_listen_adopt(int n);

/* The port that fd listens at; 0 for a path. */
int bl_listen_port(int fd);

#endif
