/* SPDX-License-Identifier: MIT */
/* Being process 1 of a container: somebody has to reap what nobody else
 * will, and to pass signals on. */
#ifndef BILLIARD_HOST_INIT_H
#define BILLIARD_HOST_INIT_H

/* Returns at once unless this is process 1. There it returns in a child,
 * which is to do the work, with the mask it was given and every signal at its
 * default; the process itself stays, reaps, and exits as the child did
 * (128 + n for signal n). */
void init_split(void);

#endif
