/* SPDX-License-Identifier: MIT */
/* The place where the runtime waits for descriptors. */
#ifndef BILLIARD_POLL_H
#define BILLIARD_POLL_H

#include <poll.h>

#include "runtime/base.h"

/* Waits until one of n descriptors is ready or the deadline (clock.h) has
 * passed. Returns how many are ready (revents filled in), 0 at the deadline,
 * BL_ETERMINATED while a request to end this process is pending and BL_ESOFT
 * while its task has met its soft limit (nothing was looked at; where others
 * say "BL_ETERMINATED as bl_poll()", either is meant), BL_EINTR after a signal
 * handler ran, -errno otherwise.
 * After BL_EINTR call again with the same deadline. */
BL_API int bl_poll(struct pollfd *fds, size_t n, int64_t deadline_ns);

/* The same for one descriptor: 1 when ready. */
BL_API int bl_poll_one(int fd, short events, int64_t deadline_ns);

#endif
