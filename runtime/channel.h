/* SPDX-License-Identifier: MIT */
/* A connection: one end of a stream of whole messages between processes that
 * need not trust each other.
 *
 * Two rings in one sealed memfd, one for each direction, and a SEQPACKET
 * socketpair. Messages go through the ring, without a system call while the
 * other side looks. Large ones for which it has no room right now, and those
 * with descriptors, go as packets through the socket (packet.h), in one order
 * with the ring's. The socket
 * also wakes who sleeps, and tells by its end that the other side is gone.
 *
 *   1. bl_channel_pair(1, ends)
 *   2. hand an end over: by fork, or its kind and its descriptors to a process
 *      that calls bl_channel_adopt()
 *   3. send, receive, look; bl_channel_fd() for a loop of one's own
 *   4. c = bl_channel_free(c): the end closes with its last holder
 *
 * Any number of processes of one pid namespace may hold an end: messages stay
 * whole and each goes to one receiver. Whoever shares the memory may write
 * anything into it at any time: words are read once and judged, bytes copied
 * before anybody looks at them. The worst a peer can do is to end this
 * channel: BL_EBADFRAME once, then BL_ECLOSED. A process that dies at any
 * instruction has sent its message or has not.
 *
 * Not for several threads at once. Functions return >= 0 or a negative code;
 * those with a deadline also BL_EINTR and BL_ETERMINATED as bl_poll(), when
 * nothing was sent or received. */
#ifndef BILLIARD_CHANNEL_H
#define BILLIARD_CHANNEL_H

#include <sys/uio.h>

#include "runtime/base.h"

struct bl_channel;

/* Makes both ends: each reads and writes, or (duplex 0) ends[0] only reads
 * and ends[1] only writes. */
BL_API int bl_channel_pair(int duplex, struct bl_channel *ends[2]);

/* Lets go of the end, which closes when nobody else holds it. Accepts null and
 * returns it. */
BL_API struct bl_channel *bl_channel_free(struct bl_channel *c);

/* Lets go of the end, but not of what loops may have been given for it: that
 * is readable from now on, and every call is BL_ECLOSED. */
BL_API void bl_channel_shut(struct bl_channel *c);

/* Does it read, does it write? */
BL_API int bl_channel_readable(const struct bl_channel *c);
BL_API int bl_channel_writable(const struct bl_channel *c);

/* ---- the end as descriptors ---- */

enum { BL_CHANNEL_FDS = 2 };

/* The end's descriptors, which stay its own, and which end it is. */
BL_API void bl_channel_fds(const struct bl_channel *c,
                           int fds[BL_CHANNEL_FDS]);
BL_API unsigned bl_channel_kind(const struct bl_channel *c);

/* The end travels no more, and keeps the first of its descriptors alone. */
void bl_channel_settle(struct bl_channel *c);

/* An end out of these. Takes the descriptors, also when it fails:
 * BL_EBADFRAME for what is no end of a channel. */
BL_API int bl_channel_adopt(unsigned kind, const int fds[BL_CHANNEL_FDS],
                            struct bl_channel **c);

/* ---- messages ---- */

enum { BL_MESSAGE_INSIDE = 256 };

/* A message that was received; it stays where it is, and valid until
 * bl_message_drop(), whatever becomes of the channel. A descriptor is taken by
 * putting BL_FD_NONE in its place. */
struct bl_message {
  const char *bytes;
  size_t size;
  int *fds;
  int n; /* of them */
  /* private: where the bytes are */
  struct bl_packet *packet;
  char *buffer;
  char inside[BL_MESSAGE_INSIDE];
};

/* Sends n parts as one message, with descriptors, which stay the caller's. 0;
 * BL_ETIMEOUT (nothing was sent); BL_ECLOSED when nobody holds the other end,
 * which a message learns 20 us after the death of the last holder at the
 * latest; BL_ETOOBIG for more descriptors than a message takes; -errno. Small
 * messages (16 KiB) wait for room in the ring, large ones while the socket is
 * full or 64 MiB of them wait to be received: a single one, of any size, never
 * waits. */
BL_API int bl_channel_send(struct bl_channel *c, const struct iovec *parts,
                           int n, const int *fds, int nfds,
                           int64_t deadline_ns);

/* Receives one whole message into *m, which needs no preparation: 0, and only
 * then there is something to drop; BL_ETIMEOUT; BL_ECLOSED after the last one;
 * BL_ETOOBIG when it has more than max bytes; -EMFILE or -ENOMEM when there
 * is no room for its descriptors or its memory: it stays then. */
BL_API int bl_channel_receive(struct bl_channel *c, struct bl_message *m,
                              size_t max, int64_t deadline_ns);

/* Frees the message and closes the descriptors that nobody took. */
BL_API void bl_message_drop(struct bl_message *m);

/* Waits until there is a message, or the end: 1, or BL_ETIMEOUT. */
BL_API int bl_channel_look(struct bl_channel *c, int64_t deadline_ns);

/* ---- for who waits for many at once, or has to do before it sleeps ---- */

/* Is it worth a call of receive? A look in passing: no system call. */
int bl_channel_holds(const struct bl_channel *c);

/* Where the other side last wrote, as bl_spin_cpu() says. */
uint32_t bl_channel_peer_cpu(const struct bl_channel *c);

/* From here on a send need not look whether anybody holds the other end: this
 * process learns that in another way. It saves a system call for each message
 * that follows one which was not received yet. */
void bl_channel_attend(struct bl_channel *c);

/* From here on the other side rings: the first of the descriptors is readable
 * where something came since a receive or look that found nothing. */
void bl_channel_watch(struct bl_channel *c);

/* Calls f(arg) before a receive or send of this end sleeps. */
void bl_channel_before_sleep(struct bl_channel *c, void (*f)(void *arg),
                             void *arg);

/* ---- in loops ---- */

/* Readable while there is a message or the end; now and then also when there
 * is neither, until the next receive or look. The channel's own; made at the
 * first call, from when on the other side always rings. In a forked child it
 * is another: ask again. */
BL_API int bl_channel_fd(struct bl_channel *c);

/* After a send that timed out: a descriptor, the channel's own, that gets
 * readable when it is worth trying again; ask again before each wait. Try
 * again after bl_channel_room_due() at the latest, which is a duration. */
BL_API int bl_channel_room_fd(struct bl_channel *c);
BL_API int64_t bl_channel_room_due(const struct bl_channel *c);

#endif
