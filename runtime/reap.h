/* SPDX-License-Identifier: MIT */
/* The only place that waits for processes, and only for those we started. */
#ifndef BILLIARD_REAP_H
#define BILLIARD_REAP_H

#include "runtime/base.h"
#include "runtime/pidfd.h"

/* Looks whether the child has ended and takes its status, once. 1 with *out
 * filled, 0 while it runs, -EBADF when its descriptor is not (or no longer)
 * what it was. Never waits.
 *
 * If somebody else took the status first, *out comes from the kernel's exit
 * record (PIDFD_GET_INFO, Linux 6.15), else its how is BL_HOW_UNKNOWN. */
int bl_reap(const struct bl_pidfd *child, struct bl_exit *out);

/* The same, sleeping in the kernel until it has ended: no poll before the
 * wait, which a start and join would feel. BL_EINTR after a signal handler
 * ran, -ECHILD when it is no child of ours (any more): then wait for the
 * descriptor. */
int bl_reap_wait(const struct bl_pidfd *child, struct bl_exit *out);

/* 1 while it is an unreaped child of ours, so that its pid cannot have passed
 * on to another process. */
int bl_reap_owned(const struct bl_pidfd *child);

/* 1 when it has ended and bl_reap() will take its status. */
int bl_reap_due(const struct bl_pidfd *child);

/* Waits for a child that was told to leave before it had a pidfd. */
void bl_reap_unborn(pid_t pid);

#endif
