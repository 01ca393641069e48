/* SPDX-License-Identifier: MIT */
/* What an owner and one worker of its share, and nobody else: a channel for
 * messages, and a desk, on which stands how far each task is.
 *
 * Tasks have numbers, counted up from 1 for each link; up to BL_DESK_SLOTS of
 * them, in a row, lie on the desk at a time. Each moves by compare-and-swap,
 * so that of two who want to move one only one does:
 *
 *   owner:   post     free    -> QUEUED   then it sends the task
 *   worker:  start    QUEUED  -> STARTED  before it unpacks anything of it
 *   worker:  finish   STARTED -> DONE     then it sends the result
 *   owner:   take     QUEUED  -> TAKEN    the worker will skip it
 *   owner:   doom     STARTED -> DOOMED   the worker does nothing more, and is
 *                                         killed
 *
 * So after the worker's death the owner knows which task it had started, and a
 * kill hits the task it is meant for or nothing.
 *
 *   1. bl_link_pair()  2. hand the worker's end over: by fork, or its
 *   descriptors to a process that calls bl_link_adopt()
 *   3. bl_link_settle() at the owner  4. bl_link_drop() at both
 *
 * The worker may write anything on the desk at any time: it harms its own
 * tasks. Functions return 0 or a negative code, those that move 1 or 0. */
#ifndef BILLIARD_LINK_H
#define BILLIARD_LINK_H

#include "runtime/channel.h"
#include "runtime/shm.h"

enum { BL_DESK_SLOTS = 128 };

enum bl_desk_state {
  BL_DESK_FREE = 0,
  BL_DESK_QUEUED,
  BL_DESK_STARTED,
  BL_DESK_DONE,
  BL_DESK_TAKEN,
  BL_DESK_DOOMED
};

struct bl_link {
  struct bl_channel *channel; /* null: dropped */
  struct bl_shm desk;
};

/* Makes both ends. */
BL_API int bl_link_pair(struct bl_link *owner, struct bl_link *worker);

/* Lets go of it; one that is dropped is left alone. */
BL_API void bl_link_drop(struct bl_link *l);

/* The end's descriptors, which stay its own; and an end out of such, which it
 * takes, also when it fails. */
enum { BL_LINK_FDS = BL_CHANNEL_FDS + 1 };
void bl_link_fds(const struct bl_link *l, int fds[BL_LINK_FDS]);
int bl_link_adopt(const int fds[BL_LINK_FDS], struct bl_link *l);

/* owner: the worker has its end; this one does not travel any more, and keeps
 * a single descriptor. */
void bl_link_settle(struct bl_link *l);

/* ---- the desk ---- */

void bl_desk_post(struct bl_link *l, uint64_t number);
int bl_desk_start(struct bl_link *l, uint64_t number, int64_t now_ns);
int bl_desk_finish(struct bl_link *l, uint64_t number);
int bl_desk_take(struct bl_link *l, uint64_t number);
int bl_desk_doom(struct bl_link *l, uint64_t number);

/* How far it is; *started_ns, where it was started. */
enum bl_desk_state bl_desk_look(const struct bl_link *l, uint64_t number,
                                int64_t *started_ns);

/* ---- what travels, before the bytes ---- */

enum bl_link_kind {
  BL_LINK_TASK = 1, /* down */
  BL_LINK_SHARE,    /* down: bytes that many tasks refer to */
  BL_LINK_LEAVE,    /* down: end when what came before is done */
  BL_LINK_UP,       /* up: it is set up; status and bytes as it likes */
  BL_LINK_STARTED,  /* up: for a task that asks for it */
  BL_LINK_RESULT    /* up */
};

enum { /* flags */
  BL_LINK_TELL = 1, /* down: send STARTED */
  BL_LINK_SOFT = 1, /* up: the soft limit was met */
  BL_LINK_FULL = 2  /* up: it has more memory than it should */
};

struct bl_link_down {
  uint32_t kind, flags;
  uint64_t number; /* of the task; of the share */
  int64_t soft_ns, hard_ns; /* durations; 0: none */
  uint32_t mode;  /* means what the two agreed on */
  uint32_t share; /* that it refers to; 0: none */
};

struct bl_link_up {
  uint32_t kind, flags;
  uint64_t number;
  uint32_t status; /* means what the two agreed on */
  uint32_t spare;
};

#endif
