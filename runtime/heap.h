/* SPDX-License-Identifier: MIT */
/* Where malloc() puts what comes next. */
#ifndef BILLIARD_HEAP_H
#define BILLIARD_HEAP_H

/* Takes the holes between what is allocated, for good, so that what comes next
 * lies together: each page that a forked child writes to costs it a fault and
 * a copy. For a process that is about to fork, again and again. */
void bl_heap_fill(void);

#endif
