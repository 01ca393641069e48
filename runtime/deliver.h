/* SPDX-License-Identifier: MIT */
/* A signal to a child that may have ended, and to nobody who got its number
 * since. */
#ifndef BILLIARD_DELIVER_H
#define BILLIARD_DELIVER_H

#include <signal.h>

#include "runtime/handover.h"

/* Sends signo to the child, or to the group it leads. 0 also when it has
 * ended; -errno. */
int bl_deliver(const struct bl_spawned *child, int signo);
int bl_deliver_group(const struct bl_spawned *child, int signo);

/* The same with a value that its handler finds in si_value. */
int bl_deliver_request(const struct bl_spawned *child, int signo,
                       union sigval value);

#endif
