/* SPDX-License-Identifier: MIT */
/* Waiting for many descriptors at once, at a cost that does not grow with
 * them: an epoll set with a table of who asked for what.
 *
 *   1. p = bl_poller_new()
 *   2. id = bl_poller_add(p, fd, events), for each thing to wait for
 *   3. n = bl_poller_wait(p, deadline): n are ready, bl_poller_ready(p, 0) to
 *      bl_poller_ready(p, n - 1) are their ids; again and again
 *   4. bl_poller_remove(p, id), before its descriptor is closed
 *   5. p = bl_poller_free(p)
 *
 * A descriptor may be added any number of times; each has an id of its own, a
 * small number that is given again after its removal. What epoll refuses but
 * poll calls always ready (a regular file) is always ready.
 *
 * The descriptors stay the caller's. One that is closed while it is added is
 * not ready any more, and its number may be added again for another file; if
 * a forked child keeps the file open, epoll goes on about it, and the set is
 * made anew the first time it does.
 *
 * Belongs to the process and the thread that made it: in every fork the copy
 * is closed, as it shares the parent's set. Functions return >= 0 or -errno,
 * or as bl_poll() where they wait. */
#ifndef BILLIARD_POLLER_H
#define BILLIARD_POLLER_H

#include "runtime/base.h"
#include "runtime/poll.h"

struct bl_poller;

/* An empty one; null when there is no memory or no descriptor left, with the
 * reason in *error. free accepts null and returns it. */
BL_API struct bl_poller *bl_poller_new(int *error);
BL_API struct bl_poller *bl_poller_free(struct bl_poller *p);

/* Adds fd for events: POLLIN, POLLOUT, both or none; its end and its errors
 * are always reported. Returns the id. With BL_POLLER_EDGE each event is
 * reported once, to each poller that has the descriptor. BL_FD_NONE is never
 * ready. */
enum { BL_POLLER_EDGE = 1 << 30 };
BL_API int bl_poller_add(struct bl_poller *p, int fd, int events);

/* Removes what add returned. */
BL_API void bl_poller_remove(struct bl_poller *p, int id);

/* Waits until something is ready or the deadline has passed. Returns how many
 * are, all of them; 0 at the deadline, BL_EINTR and BL_ETERMINATED as
 * bl_poll(). */
BL_API int bl_poller_wait(struct bl_poller *p, int64_t deadline_ns);

/* The id of one of those, from 0, in no order. */
BL_API int bl_poller_ready(const struct bl_poller *p, int i);

/* Readable while something is ready: for another poller, or another loop. */
BL_API int bl_poller_fd(const struct bl_poller *p);

/* How many are added. */
BL_API int bl_poller_count(const struct bl_poller *p);

#endif
