/* SPDX-License-Identifier: MIT */
/* The zygote's side of zygote.h: a process that forks children for its owner,
 * takes their exit statuses and passes them on.
 *
 *   1. bl_brood_begin(), with the parcel that made it a zygote
 *   2. load what the children will need
 *   3. bl_brood_serve(), which ends with the owner; or bl_brood_broken()
 *
 * The process must have one thread, and stay at its work. */
#ifndef BILLIARD_BROOD_H
#define BILLIARD_BROOD_H

#include "runtime/parcel.h"

/* Takes the lifeline, the owner's pidfd and the socket out of the parcel: from
 * here on this process ends with its owner, and by no signal that a terminal
 * sends. 0, BL_ECLOSED when the owner is gone, BL_EBADFRAME. */
int bl_brood_begin(struct bl_parcel *parcel);

/* Runs in each child, with its parcel. Then as a plan's body. */
struct bl_brood_work {
  int (*body)(void *arg, struct bl_parcel *parcel);
  void (*leave)(void *arg, int status);
  void *arg;
};

/* Forks whatever is ordered over sock, until the owner is gone. */
void bl_brood_serve(int sock, const struct bl_brood_work *work);

/* Tells the owner that there will be no children, and why. */
void bl_brood_broken(int sock, const char *why, size_t size);

#endif
