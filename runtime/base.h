/* SPDX-License-Identifier: MIT */
/* What every file of the runtime knows: error codes, the exit record, the
 * export mark. Includes nothing of ours.
 *
 * Errors are negative ints. A failed system call is -errno; what no errno
 * names is one of BL_ERRORS. bl_error_name() and bl_error_text() know both. */
#ifndef BILLIARD_BASE_H
#define BILLIARD_BASE_H

#include <stddef.h>
#include <stdint.h>

#define BL_API __attribute__((visibility("default")))

/* X(constant, number, name in Lua, sentence for people) */
#define BL_ERRORS(X)                                                         \
  X(TIMEOUT, 5001, "timeout", "timeout")                                     \
  X(CLOSED, 5002, "closed", "closed")                                        \
  X(UNKNOWN, 5003, "unknown", "somebody else took the exit status")          \
  X(REFUSED, 5004, "refused", "refused")                                     \
  X(UNKILLABLE, 5005, "unkillable", "still there after SIGKILL")             \
  X(START, 5006, "StartError", "the child ended before it was ready")        \
  X(NOTIMPL, 5007, "NotImplementedError", "cannot be determined here")       \
  X(TERMINATED, 5008, "Terminated", "controlled termination was requested")  \
  X(INTR, 5009, "interrupted", "interrupted by a signal")                    \
  X(UNSENDABLE, 5010, "unsendable", "a value that cannot travel")            \
  X(BADFRAME, 5011, "bad_frame", "not a message of ours")                    \
  X(TOOBIG, 5012, "too_big", "too big")                                      \
  X(TOODEEP, 5013, "too_deep", "nested too deep")                            \
  X(LOAD, 5014, "load_failed", "a module could not be loaded")               \
  X(DEADLOCK, 5015, "deadlock", "this process holds it already")             \
  X(BROKEN, 5016, "broken", "the barrier is broken")                         \
  X(EMPTY, 5017, "empty", "empty")                                           \
  X(FULL, 5018, "full", "full")                                              \
  X(SOFT, 5019, "SoftTimeLimitExceeded", "soft time limit exceeded")         \
  X(HARD, 5020, "TimeLimitExceeded", "time limit exceeded")                  \
  X(LOST, 5021, "WorkerLostError", "the process that did it has died")       \
  X(REMOTE, 5022, "RemoteError", "raised in another process")                \
  X(CANCELLED, 5023, "Cancelled", "cancelled before it was started")         \
  X(TOOLATE, 5024, "too_late", "too late")                                   \
  X(BUDGET, 5025, "RestartFreqExceeded", "processes fail too often")

enum bl_error {
#define BL_ERROR_CODE(constant, number, name, text) BL_E##constant = -(number),
  BL_ERRORS(BL_ERROR_CODE)
#undef BL_ERROR_CODE
};

enum { BL_FD_NONE = -1 }; /* never a descriptor */

enum bl_how {
  BL_HOW_ALIVE = 0, /* no record yet */
  BL_HOW_EXITED,    /* code = exit status, 0..255 */
  BL_HOW_SIGNALED,  /* code = signal number */
  BL_HOW_UNKNOWN    /* it has ended; somebody else took the status */
};

/* How a process ended; decoded once, by reap.c. The times and the peak
 * memory are those of the process and the children it waited for, zero where
 * the status was taken by somebody else. */
struct bl_exit {
  enum bl_how how;
  int code;
  int core; /* 1: it left a core dump */
  int64_t utime_ns;
  int64_t stime_ns;
  int64_t maxrss_kib;
};

#endif
