/* SPDX-License-Identifier: MIT */
/* What a child that is no fork of its owner is told: who its owner is, where
 * its slot on the owner's board is, and the cargo, which says what to do. A
 * program of ours finds it in the socket at BL_CONTROL_FD, a zygote's child in
 * its order (order.h). The child gets ready while its owner still learns that
 * there is one; the word to go on is the slot's gate (board.h). Should the
 * owner be gone, the control descriptor tells, and the child leaves.
 *
 * owner:  1. bl_parcel_send(), or bl_parcel_fill() and send what that says
 *         2. start the child  3. bl_gate_open() or bl_gate_refuse()
 * child:  1. bl_parcel_receive() or _read()  2. bl_parcel_accept(), for a body
 *         3. read the cargo, take descriptors (BL_FD_NONE in their place)
 *         4. bl_parcel_wait()  5. bl_parcel_drop()  6. run the body */
#ifndef BILLIARD_PARCEL_H
#define BILLIARD_PARCEL_H

#include <sys/types.h>

#include "runtime/board.h"
#include "runtime/packet.h"
#include "runtime/plan.h"

enum bl_parcel_kind {
  BL_PARCEL_BODY = 1, /* run this */
  BL_PARCEL_ZYGOTE    /* fork on request (brood.h) */
};

/* Stands before the cargo's bytes; its descriptors before the cargo's. */
struct bl_parcel_head {
  uint32_t magic;
  uint32_t kind;
  int32_t owner;
  uint32_t slot;
  uint32_t generation;
  int32_t at[3]; /* which descriptor is which; -1: not there */
};

/* A parcel to be sent: the head, then the cargo's bytes, with descriptors,
 * which are borrowed. */
struct bl_parcel_form {
  struct bl_parcel_head head;
  int n;
  int fds[BL_PACKET_FDS];
};

struct bl_parcel {
  enum bl_parcel_kind kind;
  pid_t owner;
  int owner_fd; /* its pidfd, BL_FD_NONE where there are none; to be taken */
  const char *bytes; /* the cargo; valid until the parcel is dropped */
  size_t size;
  int *fds;
  int n;
  int control; /* readable once the owner is gone */
  /* private */
  int bell, board;
  unsigned slot;
  uint32_t generation;
  struct bl_packet *packet;
};

/* owner: a body's parcel, for the plan's cargo and the slot. owner_fd is this
 * process's pidfd; BL_FD_NONE: not told. 0, BL_ETOOBIG, -errno. */
int bl_parcel_fill(struct bl_parcel_form *form, const struct bl_plan *plan,
                   const struct bl_slot *slot, int owner_fd);

/* owner: sends it. BL_ECLOSED when the child is gone. */
int bl_parcel_send(int control, const struct bl_plan *plan,
                   const struct bl_slot *slot);

/* owner: sends what a zygote has to know, and the lifeline that it arms. */
int bl_parcel_send_zygote(int control, const struct bl_cargo *cargo,
                          int lifeline);

/* child: waits for a parcel; takes control, and keeps what comes in *packet,
 * which must stay until the parcel is dropped. 0; BL_ECLOSED when none will
 * come, BL_EBADFRAME for what is none, BL_ETERMINATED when this process is to
 * end before. */
int bl_parcel_receive(int control, struct bl_packet *packet,
                      struct bl_parcel *p);

/* child: the parcel that stands in a packet already: size bytes of it, and its
 * descriptors from the first'th on. 0, BL_EBADFRAME. */
int bl_parcel_read(struct bl_parcel *p, struct bl_packet *packet,
                   const char *bytes, size_t size, int first);

/* zygote: takes the slot and the bell of a body's parcel, for the plan by which
 * the child is forked (plan.slot, plan.bell; to be closed). 0, or as
 * bl_slot_adopt(). */
int bl_parcel_place(struct bl_parcel *p, struct bl_slot *slot, int *bell);

/* child: from here on this process is the body that the parcel is for: what it
 * tells (body.h) reaches the owner. */
int bl_parcel_accept(struct bl_parcel *p);

/* child: waits until the body may run: 0; BL_ECLOSED when it never may,
 * BL_ETERMINATED when this process is to end before. */
int bl_parcel_wait(struct bl_parcel *p);

/* With its packet. */
void bl_parcel_drop(struct bl_parcel *p);

#endif
