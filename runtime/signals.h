/* SPDX-License-Identifier: MIT */
/* The only file that touches masks and dispositions.
 *
 * In the process that uses the library nothing changes but the mask of the
 * calling thread, and that only between two calls of ours. Dispositions are
 * set in children alone. */
#ifndef BILLIARD_SIGNALS_H
#define BILLIARD_SIGNALS_H

#include <signal.h>

#include "runtime/base.h"

void bl_signals_block(sigset_t *saved);
void bl_signals_restore(const sigset_t *saved);

/* Which signals have another than their default disposition, a bit for each
 * (signal 1 is bit 0); and all there are. */
uint64_t bl_signals_changed(void);
#define BL_SIGNALS_ALL UINT64_MAX

/* child: default dispositions for those; they stay blocked.
 * Async-signal-safe, as the four below. */
void bl_signals_reset(uint64_t signals);

/* child: an empty mask, or nearly: one signal stays blocked (0: none). */
void bl_signals_unblock(void);
void bl_signals_unblock_but(int signo);

/* child: calls handler for signo, without SA_RESTART. */
void bl_signals_catch(int signo, void (*handler)(int, siginfo_t *, void *));

/* In a process of ours that serves another: what a terminal or a supervisor
 * sends to all its processes alike is the other's to act upon. */
void bl_signals_ignore_ends(void);

/* Ends this process by signo's default action, whatever was set. */
_Noreturn void bl_signals_die(int signo);

/* A write to a pipe without reader must be an error and not the end of the
 * process: 1. mute  2. write  3. unmute, with 1 where the write got EPIPE. */
void bl_signals_mute_pipe(sigset_t *saved);
void bl_signals_unmute_pipe(const sigset_t *saved, int got_epipe);

/* While this process waits for its children at its own end, SIGINT and
 * SIGTERM (each where it has its default action) become readable on the fd
 * that is returned. unwatch closes it and restores the mask. */
int bl_signals_watch_end(sigset_t *saved);
int bl_signals_take_end(int fd); /* the signal's number, 0 for none */
void bl_signals_unwatch_end(int fd, const sigset_t *saved);

#endif
