/* SPDX-License-Identifier: MIT */
/* One message over a SEQPACKET socket: bytes and descriptors, whole or not at
 * all. Few bytes travel inside the socket; more of them in a memfd that is
 * frozen, so that the receiver can read them where they are: nobody can cut
 * or change them meanwhile.
 *
 * sender:    1. bl_packet_fill()
 *            2. bl_packet_send(), again after -EAGAIN
 *            3. bl_packet_drop()
 * receiver:  1. bl_packet_receive(); or bl_packet_peek(), bl_packet_take()
 *            2. take descriptors: put BL_FD_NONE in their place
 *            3. bl_packet_drop() */
#ifndef BILLIARD_PACKET_H
#define BILLIARD_PACKET_H

#include <sys/uio.h>

#include "runtime/base.h"

enum {
  BL_PACKET_FDS = 250,          /* descriptors of a message, at most */
  BL_PACKET_INSIDE = 16 * 1024, /* bytes that travel in the socket itself */
  BL_PACKET_WIDE = 96 * 1024,   /* the same, for who receives by a take */
  BL_PACKET_HEAD = 32           /* what comes before them there */
};

struct bl_packet {
  const char *bytes;
  size_t size;
  uint64_t tag;           /* the sender's; it means what the two agreed on */
  int n;                  /* descriptors */
  int fds[BL_PACKET_FDS]; /* to send: borrowed; received: owned */
  /* for packet.c only */
  int borrowed; /* the descriptors are the caller's */
  int memory;   /* the frozen memfd, or BL_FD_NONE */
  void *map;    /* where it is mapped */
  char *wide;   /* instead of `inside`: what is too long for it */
  char inside[BL_PACKET_INSIDE];
};

/* For sending: its bytes are the parts, copied here, so that sending itself
 * copies little. The descriptors stay the caller's. 0, BL_ETOOBIG for too many
 * of them, -errno for lack of memory or descriptors. */
int bl_packet_fill(struct bl_packet *p, const struct iovec *parts, int n,
                   const int *fds, int nfds);

/* The same for a receiver that takes what it has peeked at. */
int bl_packet_fill_wide(struct bl_packet *p, const struct iovec *parts, int n,
                        const int *fds, int nfds);

/* Never waits. 0; -EAGAIN while the socket is full, or too many descriptors
 * are under way (ETOOMANYREFS); BL_ECLOSED when nobody is at the other end. */
int bl_packet_send(int sock, const struct bl_packet *p);

/* Fills, sends and erases one; few bytes go from where they are. */
int bl_packet_post(int sock, const struct iovec *parts, int n, const int *fds,
                   int nfds);

/* Never waits. 1; 0 at the end of the stream; -EAGAIN when there is none;
 * BL_EBADFRAME for anything but a whole packet, -EMFILE for one that found no
 * room for its descriptors: all that came with it is closed then. */
int bl_packet_receive(int sock, struct bl_packet *p);

/* What stands first, and is not taken: 0 at the end of the stream, -EAGAIN
 * when there is nothing, BL_EBADFRAME for what cannot be a packet; 1 for a
 * single byte, which is none either, and left to the caller: *note has it;
 * more than 1 for a packet: *note has its size and tag, as its sender says. */
struct bl_packet_note {
  char byte;
  size_t size;
  uint64_t tag;
  size_t inside; /* bytes of it in the socket */
};
int bl_packet_peek(int sock, struct bl_packet_note *note);

/* Takes the packet that *note tells of. As bl_packet_receive(); but where
 * there is no room for its descriptors or its memory, -EMFILE or -ENOMEM, it
 * stays. */
int bl_packet_take(int sock, const struct bl_packet_note *note,
                   struct bl_packet *p);

/* Frees the memory, and closes received descriptors that nobody took. */
void bl_packet_drop(struct bl_packet *p);

/* The same, and wipes the bytes where they lay in memory of this process's
 * own: there may be a key among them. */
void bl_packet_erase(struct bl_packet *p);

#endif
