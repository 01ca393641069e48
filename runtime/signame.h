/* SPDX-License-Identifier: MIT */
/* Signals by name. */
#ifndef BILLIARD_SIGNAME_H
#define BILLIARD_SIGNAME_H

#include "runtime/base.h"

/* Number of "TERM" or "SIGTERM", -EINVAL for a name nobody knows. */
BL_API int bl_signal_number(const char *name);

/* "SIGTERM"; "SIG99" for a number without a name (thread-local text). */
BL_API const char *bl_signal_name(int signo);

/* 1: signo may be sent (1..SIGRTMAX). */
BL_API int bl_signal_valid(int signo);

#endif
