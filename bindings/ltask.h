/* SPDX-License-Identifier: MIT */
/* How tasks and their results travel between lpooltask.c and lpoolevent.c at
 * the owner and lserve.c and lwork.c at the worker. Messages are the codec's.
 *
 * A task is the table of its arguments, where its function is a share: then it
 * is sent to each worker once. Without a share there comes
 *   BL_LTASK_APPLY  one message, a table with f and args: what the two share
 *                   stays shared
 *   others          struct bl_ltask_head, the function, the arguments: the
 *                   function is made anew for each item */
#ifndef BILLIARD_LTASK_H
#define BILLIARD_LTASK_H

#include <stdint.h>

enum bl_ltask_mode {
  BL_LTASK_APPLY = 0, /* f(args...) */
  BL_LTASK_MAP,       /* f(item) for each of args */
  BL_LTASK_STARMAP,   /* f(item...) for each of args */
  BL_LTASK_MODES
};

struct bl_ltask_head {
  uint64_t size; /* of the function's message, */
  uint64_t n;    /* which has the first n of the descriptors */
};

/* What the worker's status says the bytes are. */
enum bl_ltask_status {
  BL_LTASK_NOTHING = 0, /* none: no value was returned */
  BL_LTASK_VALUE,       /* the value */
  BL_LTASK_VALUES,      /* a table of them with n */
  BL_LTASK_ERROR,       /* an error (lreport.h) */
  BL_LTASK_ITEMS,       /* a table of first values; n, unless it is a list */
  BL_LTASK_FAILURES     /* a list: that table, a table item -> error */
};

#endif
