/* SPDX-License-Identifier: MIT */
/* When somebody who sleeps on a socket must be rung, in shared memory.
 *
 * Who goes to sleep announces it: that changes `want`. Who rings first sends
 * the bell, then notes in `rung` which `want` it saw: so one bell is enough
 * for any number of sleepers, and a process that dies in between costs a bell
 * too many, never one too few. Who takes a bell out of the socket, which is
 * then no longer there for others, changes `want` before it does.
 *
 * A sleeper that died stays counted: that costs needless bells. */
#ifndef BILLIARD_WAKE_H
#define BILLIARD_WAKE_H

#include <stdatomic.h>

#include "runtime/base.h"

struct bl_wake {
  _Atomic uint32_t sleepers;
  _Atomic uint32_t watched; /* 1: somebody always wants to be rung */
  _Atomic uint32_t once;    /* 1: the next change is rung for anyway */
  _Atomic uint32_t want;
  _Atomic uint32_t rung;
};

/* Both are full barriers: look once more afterwards. */
void bl_wake_renew(struct bl_wake *w);
void bl_wake_enter(struct bl_wake *w);
void bl_wake_leave(struct bl_wake *w);

/* From here on every change is rung for. */
void bl_wake_watch(struct bl_wake *w);

/* The next change is rung for, whoever hears it. */
void bl_wake_once(struct bl_wake *w);

/* Is there somebody to ring? Then *want is what bl_wake_rang() is to be told
 * after the bell was sent. */
int bl_wake_due(struct bl_wake *w, uint32_t *want);
void bl_wake_rang(struct bl_wake *w, uint32_t want);

/* Forgets the last bell: the next change is rung for again. */
void bl_wake_again(struct bl_wake *w);

#endif
