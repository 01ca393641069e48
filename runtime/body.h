/* SPDX-License-Identifier: MIT */
/* What a process that runs the body of a plan may call (implemented by
 * child.c). */
#ifndef BILLIARD_BODY_H
#define BILLIARD_BODY_H

#include "runtime/plan.h"

/* child: 1 in a process that runs the body of a plan. */
BL_API int bl_body_here(void);

/* child: leaves a text for the parent, which sees the first of each kind;
 * BL_TEXT_READY rings its bell too. A text of any size, but one longer than
 * BL_TEXT_MAX may find no memory: 0, or -ENOMEM, -ENOSPC, -EFBIG
 * (RLIMIT_FSIZE of the parent), -EBADF (descriptors were closed), BL_ETOOBIG,
 * BL_ECLOSED. The parent learns nothing then, and a shorter one may follow.
 * Does nothing elsewhere, and returns 0. */
BL_API int bl_body_tell(enum bl_text kind, const char *text, size_t size);

/* A process that was not forked from the one that started it becomes one that
 * runs a body: from here on all of this header is as in a forked child, and
 * bl_body_answer() besides. Takes fd and bell, also when it fails; fd, index
 * and generation are those of bl_slot_share(), bell is for BL_TEXT_READY, or
 * BL_FD_NONE. Once, and before there are other threads. */
int bl_body_adopt(int fd, unsigned index, uint32_t generation, int bell);

/* child: what bl_child_run() answers for a forked one: it is set up (error
 * 0), or what failed where. Once. */
void bl_body_answer(enum bl_step step, int error);

/* child that adopted: waits at most slice_ns for the owner's word to go on: 1
 * with it, 0 not yet, BL_ECLOSED when it will not come. */
int bl_body_look(int64_t slice_ns);

/* child: ends, without the exit handlers that it inherited: with an exit
 * status, or by the signal of a negative one. */
_Noreturn void bl_body_end(int status);

#endif
