/* SPDX-License-Identifier: MIT */
/* What an owner and its zygote say to each other, as packets: the plan of a
 * child, as far as a zygote carries it out, with the child's parcel, and notes
 * of a few words. Both are
 * the same library; each checks lengths all the same. */
#ifndef BILLIARD_ORDER_H
#define BILLIARD_ORDER_H

#include "runtime/handover.h"
#include "runtime/parcel.h"
#include "runtime/plan.h"

enum bl_note_kind {
  /* the owner */
  BL_NOTE_ORDER = 1, /* fork; a plan and the child's parcel follow */
  BL_NOTE_CONTAIN,   /* bl_process_contain() */
  BL_NOTE_SIGNAL,    /* the child's group; a = signal */
  /* the zygote */
  BL_NOTE_READY,   /* modules are loaded */
  BL_NOTE_BROKEN,  /* they could not be: what follows is text */
  BL_NOTE_STARTED, /* a = pid; its pidfd comes along */
  BL_NOTE_FAILED,  /* a = error, b = step; there is no child */
  BL_NOTE_EXITED   /* with the exit record */
};

struct bl_note {
  enum bl_note_kind kind;
  uint64_t id; /* of the child it is about; the owner counts */
  int a, b;
  struct bl_exit exit;
};

/* What a note needs besides: bytes in up to three parts, and descriptors,
 * which are borrowed. */
struct bl_note_more {
  struct iovec parts[3];
  const int *fds;
  int n;
};

/* Sends; returns as bl_packet_send(). more may be null. */
int bl_note_send(int sock, const struct bl_note *note,
                 const struct bl_note_more *more);

/* The note that a packet is, and its further bytes; BL_EBADFRAME. */
int bl_note_read(const struct bl_packet *p, struct bl_note *note,
                 const char **bytes, size_t *size);

/* owner: orders a child, whose parcel goes with it. */
int bl_order_send(int sock, uint64_t id, const struct bl_plan *plan,
                  const struct bl_handover *h, const struct bl_slot *slot,
                  int lifeline);

/* zygote: what was ordered. Points into the packet, whose descriptors it
 * borrows, but for the environment. */
struct bl_order {
  struct bl_plan plan; /* but for body, leave, arg */
  int n;               /* descriptors: the packet's first ones */
  const char **envp;   /* plan.envp; to be freed */
  const char *parcel;  /* for bl_parcel_read(), with the other descriptors */
  size_t parcel_size;
};

/* bytes is what follows the note in p. 0, BL_EBADFRAME, -ENOMEM. */
int bl_order_read(const struct bl_packet *p, const char *bytes, size_t size,
                  struct bl_order *out);

/* What a zygote is known by, as other modules or another program need another
 * one: *size bytes to be freed by the caller; null without memory. */
char *bl_order_key(const struct bl_plan *plan, size_t *size);

#endif
