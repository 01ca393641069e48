/* SPDX-License-Identifier: MIT */
/* A queue of messages for any number of processes on either side, each of
 * which may die at any instruction.
 *
 *   producers -- put mutex --> ring of bytes --> get mutex -- consumers
 *                put cursor    grows, shrinks    get cursor
 *
 * Each side has a robust mutex and a cursor (cursor.h) in one memfd; the two
 * sides meet only when the queue is empty or full, or its ring changes its
 * size. A message counts when the put cursor is behind it, and is free when
 * the get cursor is: so a death leaves it in the queue or not, and nothing to
 * be mended. Who waits does so by a gong (gong.h): for items under the put
 * mutex, for room and for the last task to be done under the get mutex. Who
 * needs both takes put before get.
 *
 *   1. bl_queue_new()
 *   2. hand it on: by fork, or its kind and its descriptors to a process that
 *      calls bl_queue_adopt()
 *   3. put, get, and the rest, from any of them
 *   4. q = bl_queue_free(q): the memory is the kernel's again after the last
 *
 * When put has returned 0, the message is in: it needs no more of its sender.
 * The messages of one producer keep their order. Each is got by one consumer;
 * one that is killed while it gets may take one message with it.
 *
 * For processes that trust each other as one, of one pid namespace. Not for
 * several threads at once.
 * Functions return >= 0 or a negative code; those with a deadline also
 * BL_EINTR and BL_ETERMINATED as bl_poll(), when nothing was done. Without
 * time to wait they may all the same take a tenth of a second, where a process
 * is stopped (SIGSTOP) in the middle of a put or get. */
#ifndef BILLIARD_QUEUE_H
#define BILLIARD_QUEUE_H

#include <sys/uio.h>

#include "runtime/base.h"
#include "runtime/buf.h"

struct bl_queue;

/* Makes an empty one. It is full when it has maxsize messages (0: no such
 * bound), or a GiB of them, or less where this process may not write such
 * large files. Joinable: counts what is done, see below. 0 or -errno: all that
 * it needs is there, but what its ring grows by. */
BL_API int bl_queue_new(uint64_t maxsize, int joinable, struct bl_queue **q);

/* Lets go of it here. Accepts null and returns it. */
BL_API struct bl_queue *bl_queue_free(struct bl_queue *q);

/* ---- as descriptors ---- */

enum { BL_QUEUE_FDS = 4 };

/* The descriptors, which stay its own: how many. What else adopt needs. */
BL_API int bl_queue_fds(const struct bl_queue *q, int fds[BL_QUEUE_FDS]);
BL_API uint64_t bl_queue_kind(const struct bl_queue *q);

/* The same queue, from what another process sent. Takes the n descriptors,
 * also when it fails: BL_EBADFRAME for what is no queue. */
BL_API int bl_queue_adopt(uint64_t kind, const int *fds, int n,
                          struct bl_queue **q);

/* ---- messages ---- */

/* Puts n parts as one message: 0; BL_ETIMEOUT: it is full; BL_ECLOSED after
 * shutdown;
 * BL_ETOOBIG above a GiB, or what is full for it; -ENOSPC or -ENOMEM when it
 * cannot grow. */
BL_API int bl_queue_put(struct bl_queue *q, const struct iovec *parts, int n,
                        int64_t deadline_ns);

/* Gets the first message, appended to `to`: 0; BL_ETIMEOUT: it is empty;
 * BL_ECLOSED: after shutdown, when nothing is left; -ENOMEM, and the message
 * stays. */
BL_API int bl_queue_get(struct bl_queue *q, struct bl_buf *to,
                        int64_t deadline_ns);

/* Messages in it, and how many it may have (0: no bound). */
BL_API uint64_t bl_queue_size(const struct bl_queue *q);
BL_API uint64_t bl_queue_maxsize(const struct bl_queue *q);

/* No more puts, by anybody; what is in can be got. Wakes all who wait. 0; or
 * as a put, when a stopped process is in the way: then nothing has changed. */
BL_API int bl_queue_shutdown(struct bl_queue *q, int64_t deadline_ns);
BL_API int bl_queue_is_shut(const struct bl_queue *q);

/* ---- joinable ones ---- */

/* Is it one? */
BL_API int bl_queue_joinable(const struct bl_queue *q);

/* One message that was got is done with: 0, or -ERANGE when that many were
 * not got. What a consumer that died had got is never done. */
BL_API int bl_queue_done(struct bl_queue *q, int64_t deadline_ns);

/* How many were put and are not done. */
BL_API uint64_t bl_queue_unfinished(const struct bl_queue *q);

/* Waits until none is, for a moment at least: since when is what
 * bl_queue_rounds() said before. 0 or BL_ETIMEOUT. */
BL_API uint64_t bl_queue_rounds(const struct bl_queue *q);
BL_API int bl_queue_join(struct bl_queue *q, uint64_t since,
                         int64_t deadline_ns);

/* ---- in loops ---- */

/* Readable while a get would not wait; now and then also when it would, until
 * that get. The queue's own. From the first call on, by anybody, emptying the
 * queue costs system calls. */
BL_API int bl_queue_fd(struct bl_queue *q);

/* After a put, or a join, that timed out: a descriptor, the queue's
 * own, that gets readable when it is worth trying again. Ask before each
 * wait. */
BL_API int bl_queue_room_fd(struct bl_queue *q);
BL_API int bl_queue_join_fd(struct bl_queue *q, uint64_t since);

#endif
