/* SPDX-License-Identifier: MIT */
/* Children that a zygote forks for this process, at a cost that does not grow
 * with this process's memory.
 *
 * A zygote is a program of ours (plan.argv) that has loaded what children
 * need (plan.preload) and forks on request (brood.h). Each thread that asks
 * for children has one of its own, made when it first asks, over a private
 * socketpair: nobody else can ask it. The zygote is the children's parent; it
 * takes their statuses and passes them on, so that nobody here waits for
 * them, and its death changes nothing for them: their exit statuses are then
 * the kernel's to tell (PIDFD_GET_INFO), or nobody's.
 *
 *   1. bl_zygote_spawn()            -> made.ward
 *   2. bl_ward_exit(), now and then, or when bl_ward_fd() or the pidfd is
 *      readable
 *   3. bl_ward_free()
 *
 * A zygote that died, or did not answer in time, is replaced at the next
 * start; one that died before it answered, within the same. It ends with its
 * owner, by its lifeline or the end of the socket. */
#ifndef BILLIARD_ZYGOTE_H
#define BILLIARD_ZYGOTE_H

#include "runtime/handover.h"

/* As bl_spawn(). BL_ELOAD at BL_STEP_PRELOAD: *problem says what could not be
 * loaded; to be freed. */
int bl_zygote_spawn(const struct bl_plan *plan, struct bl_spawned *out,
                    enum bl_step *step, char **problem);

/* Lets go of this thread's zygote; it ends once nobody here waits for one of
 * its children. */
void bl_zygote_release(void);

/* The pid of this thread's zygote, 0 for none. */
pid_t bl_zygote_pid(void);

/* The exit record: 1 with *out filled; 0 when it has not come by the deadline;
 * BL_ECLOSED when it never will, as the zygote is gone. */
int bl_ward_exit(struct bl_ward *w, struct bl_exit *out, int64_t deadline_ns);

/* The same once the child has ended: waits until the zygote, which tells of
 * others meanwhile, has been silent for patience_ns since a record was due, so
 * that one that hangs is waited for once, and not for each child again. */
int bl_ward_due(struct bl_ward *w, struct bl_exit *out, int64_t patience_ns);

/* 1 when bl_ward_exit() has the record already: the socket, which is that of
 * all children, will not tell. */
int bl_ward_told(const struct bl_ward *w);

/* Readable when bl_ward_exit() is worth calling, and in between; BL_FD_NONE
 * when the zygote is gone. */
int bl_ward_fd(const struct bl_ward *w);

/* bl_process_contain() and bl_process_signal_group(), done by the zygote. */
int bl_ward_contain(struct bl_ward *w);
int bl_ward_signal_group(struct bl_ward *w, int signo);

struct bl_ward *bl_ward_free(struct bl_ward *w);

#endif
