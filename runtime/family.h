/* SPDX-License-Identifier: MIT */
/* The end of a process that has children: none stays behind unasked. */
#ifndef BILLIARD_FAMILY_H
#define BILLIARD_FAMILY_H

#include "runtime/process.h"

/* Ends the daemonic ones among n started children (SIGTERM, and SIGKILL after
 * grace_ns) and then joins the others, however long that takes. SIGINT and
 * SIGTERM, where they have their default action, and a controlled termination
 * of this process end that wait: the others
 * are ended likewise, and this process by the signal. To be called when
 * nothing else is left to do. Those that have not gone a while after SIGKILL
 * are left alone. */
BL_API void bl_family_end(struct bl_process *const *children, size_t n,
                          int64_t grace_ns);

#endif
