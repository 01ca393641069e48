/* SPDX-License-Identifier: MIT */
/* Memory that a parent shares with its children: the gate a forked child
 * waits at, its answer to "are you set up", and the texts it leaves behind.
 * Costs a start no system call but an occasional futex; memory for text is
 * touched by a child that has something to say, and by no other.
 *
 * parent:  1. bl_slot_take()  2. fork  3. bl_gate_open()
 *          4. bl_slot_answer(), where what follows depends on the steps
 *          5. bl_slot_text() once the child is ready or has ended
 *          6. bl_slot_give() when it was reaped
 * child:   1. bl_slot_tell_answer()  2. bl_gate_wait()  3. bl_slot_tell()
 *
 * A child that was not forked from the owner is handed the slot by three
 * numbers (bl_slot_share) and starts with bl_slot_adopt(); bl_gate_look() is
 * its way to wait.
 *
 * The generation in the gate's word keeps a late child apart from the next
 * one that has its slot. A child can scribble over the board: everything is
 * read once, and what it says of sizes is held against what is there. */
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

/* child: closes the descriptors of the boards that it inherited, also of the
 * one that its slot is on: for a process that adopts another. */
void bl_board_leave(void);

/* Does nothing to none. What the child left is gone then. */
void bl_slot_give(struct bl_slot *slot);

/* parent: what a child needs to adopt the slot; *fd stays the board's. -EFBIG
 * where this process is not allowed files of the size (RLIMIT_FSIZE). */
int bl_slot_share(const struct bl_slot *slot, int *fd, unsigned *index,
                  uint32_t *generation);

/* child, or who forks it: takes fd, also when it fails. BL_EBADFRAME for what
 * is no board, BL_ECLOSED when the slot is another child's by now. A process
 * has adopted one board: slots on another one are void then. */
int bl_slot_adopt(struct bl_slot *slot, int fd, unsigned index,
                  uint32_t generation);

/* parent: lets the child go, with the signals it has to reset (signals.h), or
 * tells it to leave at once. */
void bl_gate_open(const struct bl_slot *slot, uint64_t signals);
void bl_gate_refuse(const struct bl_slot *slot);

/* child: waits until the gate opens. 0, or BL_ECLOSED when it never will,
 * because the parent said so or is no longer there. */
int bl_gate_wait(const struct bl_slot *slot, pid_t parent, uint64_t *signals);

/* child: the same for at most slice_ns, for who learns of its parent's end in
 * another way: 1 when the gate is open, 0 not yet. */
#define BL_GATE_SLICE_NS (50 * BL_MILLISECOND_NS) /* how often to look for it */
int bl_gate_look(const struct bl_slot *slot, int64_t slice_ns,
                 uint64_t *signals);

/* child: all steps are done (error 0), or one failed. Told by every child;
 * only a parent that waits costs it a system call. */
void bl_slot_tell_answer(const struct bl_slot *slot, enum bl_step step,
                         int error);

/* parent: waits at most slice_ns for the answer. 1 when it is there, with
 * *error and *step; 0 when not. */
int bl_slot_answer(const struct bl_slot *slot, int64_t slice_ns,
                   enum bl_step *step, int *error);

/* child: leaves a text for the parent, once of each kind: a second one is
 * dropped. Of up to BL_TEXT_MAX bytes it stands in the slot; a longer one
 * takes memory for itself: -ENOMEM or -ENOSPC when there is none, -EFBIG as
 * bl_slot_share(), BL_ETOOBIG, -EBADF when this process has lost the board's
 * descriptor. BL_ECLOSED: the slot is another child's. */
int bl_slot_tell(const struct bl_slot *slot, enum bl_text kind,
                 const char *text, size_t size);

/* parent: takes a text, *text to be freed by the caller. -ENOENT: there is
 * none; BL_EBADFRAME: there is less than the child says; -ENOMEM, -EBADF as
 * above. */
int bl_slot_text(const struct bl_slot *slot, enum bl_text kind, char **text,
                 size_t *size);

#endif
