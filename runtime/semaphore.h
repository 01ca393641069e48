/* SPDX-License-Identifier: MIT */
/* A counter that processes take from and give to: an eventfd, and nothing
 * else. It returns nothing by itself: what a dead process took is gone.
 *
 * Readable while it can be taken from. The caller closes it. */
#ifndef BILLIARD_SEMAPHORE_H
#define BILLIARD_SEMAPHORE_H

#include "runtime/base.h"

/* The descriptor of one that begins with n, or -errno. */
int bl_semaphore_open(unsigned n);

/* Takes one, now or by the deadline: 0; BL_ETIMEOUT; or as bl_poll(). */
int bl_semaphore_try(int fd);
int bl_semaphore_take(int fd, int64_t deadline_ns);

/* Gives one: 0, or -EAGAIN when it cannot hold more. */
int bl_semaphore_give(int fd);

/* What it holds at this moment, or -errno. */
int64_t bl_semaphore_value(int fd);

#endif
