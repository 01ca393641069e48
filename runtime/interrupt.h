/* SPDX-License-Identifier: MIT */
/* What a signal handler leaves for the code it interrupted: one pending
 * request, taken once. poll.c looks here before and after it blocks. */
#ifndef BILLIARD_INTERRUPT_H
#define BILLIARD_INTERRUPT_H

enum bl_interrupt {
  BL_INTERRUPT_NONE = 0,
  BL_INTERRUPT_TERMINATE /* unwind, clean up and end */
};

/* handler: leaves a request. */
void bl_interrupt_set(enum bl_interrupt what);

/* What is pending; stays pending. */
enum bl_interrupt bl_interrupt_peek(void);

/* Takes what is pending: the next call returns BL_INTERRUPT_NONE. */
enum bl_interrupt bl_interrupt_take(void);

#endif
