/* SPDX-License-Identifier: MIT */
/* What a signal handler leaves for the code it interrupted: requests of which
 * each is taken once. All places where the runtime blocks look here before and
 * after they do.
 *
 * Both kinds may be pending; neither hides the other for good. A request is
 * named by the code that a blocking call returns while it is pending. */
#ifndef BILLIARD_INTERRUPT_H
#define BILLIARD_INTERRUPT_H

#include "runtime/base.h"

enum bl_interrupt {
  BL_INTERRUPT_NONE = 0,
  BL_INTERRUPT_SOFT = BL_ESOFT, /* a task has met its soft limit */
  BL_INTERRUPT_TERMINATE = BL_ETERMINATED /* unwind, clean up and end */
};

/* handler: leaves a request. */
void bl_interrupt_set(enum bl_interrupt what);

/* What is pending, TERMINATE before SOFT; stays pending. */
enum bl_interrupt bl_interrupt_peek(void);

/* Takes what peek returns: the next call returns what is left. */
enum bl_interrupt bl_interrupt_take(void);

/* Takes back one kind. */
void bl_interrupt_drop(enum bl_interrupt what);

/* Is it a code that only says that a request is pending? */
static inline int bl_interrupt_is(int error) {
  return error == BL_INTERRUPT_SOFT || error == BL_INTERRUPT_TERMINATE;
}

#endif
