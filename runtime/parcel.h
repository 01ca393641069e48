/* SPDX-License-Identifier: MIT */
/* What a child that is no fork of its owner is told, over the socket that it
 * finds at BL_CONTROL_FD: who its owner is, where its slot on the owner's board
 * is, and the cargo, which says what to do. So that a child can get ready while
 * its owner still learns that there is one, the parcel comes ahead of the word
 * to go on, which is the slot's gate (board.h). Should the owner give up, it
 * closes its end, and the child leaves.
 *
 * owner:  1. bl_parcel_send()  2. start the child
 *         3. bl_gate_open() or bl_gate_refuse(), close
 * child:  1. bl_parcel_receive()  2. bl_parcel_accept(), for a body
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

struct bl_parcel {
  enum bl_parcel_kind kind;
  pid_t owner;
  int owner_fd; /* its pidfd, BL_FD_NONE where there are none; to be taken */
  const char *bytes; /* the cargo; valid until the parcel is dropped */
  size_t size;
  int *fds;
  int n;
  int control; /* the socket */
  /* private */
  int bell, board;
  unsigned slot;
  uint32_t generation;
  struct bl_packet packet;
};

/* owner: sends the plan's cargo for a body whose slot this is. 0, BL_ETOOBIG,
 * BL_ECLOSED when the child is gone, -errno. */
int bl_parcel_send(int control, const struct bl_plan *plan,
                   const struct bl_slot *slot);

/* owner: sends what a zygote has to know, and the lifeline that it arms. */
int bl_parcel_send_zygote(int control, const struct bl_cargo *cargo,
                          int lifeline);

/* child: waits for a parcel; takes control. 0; BL_ECLOSED when none will come, BL_EBADFRAME
 * for what is none, BL_ETERMINATED when this process is to end before. */
int bl_parcel_receive(int control, struct bl_parcel *p);

/* child: from here on this process is the body that the parcel is for: what it
 * tells (body.h) reaches the owner. */
int bl_parcel_accept(struct bl_parcel *p);

/* child: waits until the body may run: 0; BL_ECLOSED when it never may,
 * BL_ETERMINATED when this process is to end before. */
int bl_parcel_wait(struct bl_parcel *p);

void bl_parcel_drop(struct bl_parcel *p);

#endif
