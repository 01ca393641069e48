/* SPDX-License-Identifier: MIT */
/* One child process, from the plan to the exit record.
 *
 *   1. p = bl_process_new()
 *   2. bl_process_start(p, &plan, &step)
 *   3. bl_process_poll(p) now and then, or bl_process_join(p, deadline), or
 *      put bl_process_fd(p) into a loop of your own and poll() when readable
 *   4. read bl_process_exit(p) and the rest
 *   5. p = bl_process_free(p)
 *
 * Belongs to the process and the thread that made it. A child that was
 * started and never joined stays, as a zombie or alive, after step 5: the
 * handle's end is not the child's. Functions return >= 0, a code of base.h
 * or -errno; those documented for a state assert it. */
#ifndef BILLIARD_PROCESS_H
#define BILLIARD_PROCESS_H

#include <sys/types.h>

#include "runtime/plan.h"

struct bl_process;

/* A handle, null without memory; free accepts null and returns it. */
BL_API struct bl_process *bl_process_new(void);
BL_API struct bl_process *bl_process_free(struct bl_process *p);

/* Before the first successful start. 0, or an error with *step telling what
 * was being done; no child is left then, and start may be tried again.
 * Does not return in a forked child. */
BL_API int bl_process_start(struct bl_process *p, const struct bl_plan *plan,
                            enum bl_step *step);

/* After a start that failed with BL_ELOAD: what could not be loaded. The
 * process's own; null for other failures. */
BL_API const char *bl_process_problem(const struct bl_process *p);

/* Each of the rest needs a started process. */

/* Takes the status if the child has ended: 1 ended, 0 not. Also carries out
 * what has become due (bl_process_due). Never waits, but once for 50 ms at most
 * where a zygote owes the status. */
BL_API int bl_process_poll(struct bl_process *p);

/* The same, waiting until the deadline: 1 ended, 0 deadline passed; BL_EINTR
 * and BL_ETERMINATED as bl_poll(). Waits for a status that is owed too: a
 * zygote that hangs delays what it has to tell, and only one that is gone takes
 * it along. */
BL_API int bl_process_join(struct bl_process *p, int64_t deadline_ns);

/* Sends signo; 0 also when the child has ended. */
BL_API int bl_process_signal(struct bl_process *p, int signo);

/* Sends signo to the group the child leads (plan.pgroup or .session). */
BL_API int bl_process_signal_group(struct bl_process *p, int signo);

/* From now on what is left of the child's group ends with the child, just
 * before its status is taken: later the group's number may be another's. The
 * child leads a group (plan.pgroup or .session). */
BL_API void bl_process_contain(struct bl_process *p);

/* A body is asked to unwind (limit.h), a program gets SIGTERM; after grace_ns
 * SIGKILL. A body arms that itself; behind it, and for a program, stands
 * bl_process_due(). */
BL_API int bl_process_terminate_controlled(struct bl_process *p,
                                           int64_t grace_ns);

/* When bl_process_poll() must be called next even if nothing happens. */
BL_API int64_t bl_process_due(const struct bl_process *p);

/* 1: it has ended, and its zygote has not told yet how. */
BL_API int bl_process_owed(const struct bl_process *p);

/* The exit record, which stands once poll or join returned 1. One that is owed
 * is waited for a last time, a second at most, and unknown from then on. */
BL_API const struct bl_exit *bl_process_exit(struct bl_process *p);

/* What else is known of it; ended_ns is 0 before it has ended. */
BL_API pid_t bl_process_pid(const struct bl_process *p);
BL_API int64_t bl_process_started_ns(const struct bl_process *p);
BL_API int64_t bl_process_ended_ns(const struct bl_process *p);
BL_API int bl_process_daemon(const struct bl_process *p);
BL_API int bl_process_controlled(const struct bl_process *p);

/* Readable once the child has ended; BL_FD_NONE after it was reaped. */
BL_API int bl_process_fd(const struct bl_process *p);

/* Readable once the child has ended, and valid until bl_process_free(). */
BL_API int bl_process_sentinel(struct bl_process *p);

/* Gives the parent's end of pipe 0, 1 or 2 away; BL_FD_NONE: there is none,
 * or it was taken before. Non-blocking; the taker closes it. */
BL_API int bl_process_take_stdio(struct bl_process *p, int which);

/* Has the program written a line to its ready fd (plan.ready_fd), or notified
 * us (plan.ready_notify)? 1 yes, 0 not yet, BL_ESTART when it closed the fd
 * without. Never waits: that is for bl_process_ready_fd(), BL_FD_NONE where
 * the plan had none. */
BL_API int bl_process_ready(struct bl_process *p);
BL_API int bl_process_ready_fd(const struct bl_process *p);

/* What a body left on the board: 1 with *text and *size, 0 for nothing. The
 * text stays the process's and is valid until bl_process_free(). -ENOMEM,
 * -EBADF or BL_EBADFRAME: there was one, but it could not be taken in. */
BL_API int bl_process_text(struct bl_process *p, enum bl_text kind,
                           const char **text, size_t *size);

/* A step that failed in the child without start() waiting for it: its error
 * and *step, 0 for none. A child that should have told and did not failed at
 * BL_STEP_ANSWER with BL_ESTART, unless it ended by a signal that was sent to
 * it here. Known once it has ended. */
BL_API int bl_process_late_failure(struct bl_process *p, enum bl_step *step);

#endif
