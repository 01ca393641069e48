/* SPDX-License-Identifier: MIT */
/* Workers of a pool that are forks of the process that has it. */
#ifndef BILLIARD_HIRE_H
#define BILLIARD_HIRE_H

#include "runtime/pool.h"
#include "runtime/worker.h"

/* Forks a worker that serves with *work (which the fork has a copy of), and
 * adds it: its number, or an error with *step telling what was being done, and
 * then there is none. Its process is the caller's after BL_POOL_GONE: free it
 * then. */
BL_API int bl_pool_hire(struct bl_pool *p, const struct bl_worker_work *work,
                        uint64_t max_tasks, enum bl_step *step);

#endif
