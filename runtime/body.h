/* SPDX-License-Identifier: MIT */
/* What the body of a forked child may call (implemented by child.c). */
#ifndef BILLIARD_BODY_H
#define BILLIARD_BODY_H

#include "runtime/plan.h"

/* child: 1 in a process that runs the body of a plan. */
BL_API int bl_body_here(void);

/* child: leaves a text for the parent; BL_TEXT_READY rings its bell too.
 * Does nothing elsewhere. */
BL_API void bl_body_tell(enum bl_text kind, const char *text, size_t size);

#endif
