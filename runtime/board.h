/* SPDX-License-Identifier: MIT */
/* A shared page between a parent and its forked children: the gate a child
 * waits at, its answer to "are you set up", and the text it leaves behind.
 * Costs a start no system call but an occasional futex; the pages for text
 * are touched by a child that has something to say, and by no other.
 *
 * parent:  1. bl_slot_take()  2. fork  3. bl_gate_open()
 *          4. bl_slot_answer(), where what follows depends on the steps
 *          5. bl_slot_text() once the child is ready or has ended
 *          6. bl_slot_give() when it was reaped
 * child:   1. bl_slot_tell_answer()  2. bl_gate_wait()  3. bl_slot_tell()
 *
 * The generation in the gate's word keeps a late child apart from the next
 * one that has its slot. A child can scribble over the board: everything is
 * read once, and lengths are clamped. */
#ifndef BILLIARD_BOARD_H
#define BILLIARD_BOARD_H

#include <sys/types.h>

#include "runtime/base.h"
#include "runtime/plan.h"

struct bl_slot {
  struct bl_board *board; /* null: no slot */
  unsigned index;
  uint32_t closed; /* the gate's word while it is closed, sleep = +1 */
};

int bl_slot_take(struct bl_slot *slot);
void bl_slot_give(struct bl_slot *slot);

/* parent: lets the child go, with the signals it has to reset (signals.h), or
 * tells it to leave at once. */
void bl_gate_open(const struct bl_slot *slot, uint64_t signals);
void bl_gate_refuse(const struct bl_slot *slot);

/* child: waits until the gate opens. 0, or BL_ECLOSED when it never will,
 * because the parent said so or is no longer there. */
int bl_gate_wait(const struct bl_slot *slot, pid_t parent, uint64_t *signals);

/* child: all steps are done (error 0), or one failed. Told by every child;
 * only a parent that waits costs it a system call. */
void bl_slot_tell_answer(const struct bl_slot *slot, enum bl_step step,
                         int error);

/* parent: waits at most slice_ns for the answer. 1 when it is there, with
 * *error and *step; 0 when not. */
int bl_slot_answer(const struct bl_slot *slot, int64_t slice_ns,
                   enum bl_step *step, int *error);

/* child: leaves a text for the parent, once of each kind. */
void bl_slot_tell(const struct bl_slot *slot, enum bl_text kind,
                  const char *text, size_t size);

/* parent: the size of a text, at most BL_TEXT_MAX; -ENOENT when there is
 * none. Then copies that many bytes of it. */
ssize_t bl_slot_text_size(const struct bl_slot *slot, enum bl_text kind);
void bl_slot_text(const struct bl_slot *slot, enum bl_text kind, char *to,
                  size_t size);

#endif
