/* SPDX-License-Identifier: MIT */
/* What a child must be and do, as data. Zero-initialised is legal but for
 * the work itself: set `body` or `argv`, exactly one of them. The plan and
 * what it points to belong to the caller and are read by
 * bl_process_start() only, but for `body`, `leave`, `arg` and `envp`, which
 * live on in a forked child. */
#ifndef BILLIARD_PLAN_H
#define BILLIARD_PLAN_H

#include "runtime/base.h"

enum bl_stdio_kind {
  BL_STDIO_INHERIT = 0, /* the parent's */
  BL_STDIO_NULL,        /* the null device */
  BL_STDIO_PIPE,        /* a pipe; the parent keeps the other end */
  BL_STDIO_FD,          /* `fd`, which stays the caller's */
  BL_STDIO_STDOUT,      /* stderr only: wherever stdout goes */
  BL_STDIO_CLOSED       /* none */
};

struct bl_stdio {
  enum bl_stdio_kind kind;
  int fd;
};

enum bl_limit {
  BL_LIMIT_AS = 0, /* bytes of address space */
  BL_LIMIT_CPU,    /* seconds: SIGXCPU then, SIGKILL a second later */
  BL_LIMIT_NOFILE, /* descriptors */
  BL_LIMIT_FSIZE,  /* bytes a file may reach: SIGXFSZ */
  BL_LIMIT_CORE,   /* bytes of core dump */
  BL_LIMIT_NPROC,  /* processes of this user */
  BL_LIMITS
};

struct bl_limit_value {
  int set; /* 0: as inherited */
  uint64_t value;
};

/* What bl_process_start() was doing when it failed. */
#define BL_STEPS(X)                                                   \
  X(NONE, "start")                                                    \
  X(THREADS, "start: threads")                                        \
  X(PIPE, "start: pipe")                                              \
  X(LIFELINE, "start: lifeline")                                      \
  X(BOARD, "start: board")                                            \
  X(FORK, "start: fork")                                              \
  X(PIDFD, "start: pidfd")                                            \
  X(SESSION, "start: session")                                        \
  X(PGROUP, "start: pgroup")                                          \
  X(STDIO, "start: stdio")                                            \
  X(UMASK, "start: umask")                                            \
  X(CWD, "start: cwd")                                                \
  X(NICE, "start: nice")                                              \
  X(LIMITS, "start: limits")                                          \
  X(EXEC, "start: exec")                                              \
  X(ZYGOTE, "start: fork server")                                     \
  X(PRELOAD, "start: preload")                                        \
  X(SEND, "start: send")                                              \
  X(ANSWER, "start: answer")

enum bl_step {
#define BL_STEP_ENUM(constant, text) BL_STEP_##constant,
  BL_STEPS(BL_STEP_ENUM)
#undef BL_STEP_ENUM
};

/* "start: exec" and the like. */
BL_API const char *bl_step_text(enum bl_step step);

/* Texts, which are any bytes, that a child leaves for its parent
 * (bl_process_text), once of each kind. Longer ones than BL_TEXT_MAX take
 * memory of their own, which there may be none of. */
enum bl_text { BL_TEXT_READY = 0, BL_TEXT_RESULT, BL_TEXT_ERROR, BL_TEXTS };
#define BL_TEXT_MAX 7680

/* Where a body comes from. */
enum bl_method {
  BL_METHOD_FORK = 0,  /* this process forks: `body` */
  BL_METHOD_SPAWN,     /* argv is started and gets `cargo` */
  BL_METHOD_FORKSERVER /* a zygote, made by argv and `preload`, forks and hands
                          `cargo` on (zygote.h) */
};

/* What a child that is no fork of its owner has to be told: bytes, and
 * descriptors, which stay the caller's. */
struct bl_cargo {
  const void *bytes;
  size_t size;
  const int *fds;
  int n;
};

/* Where argv finds the socket that brings its cargo (parcel.h). */
enum { BL_CONTROL_FD = 3 };

struct bl_slot;

struct bl_plan {
  /* A forked child calls body(arg) and ends with its result as exit status
   * or, where that is negative, of that signal. Should body call
   * exit(status), leave(arg, status) runs first, if set; the parent's own
   * exit handlers never do. */
  int (*body)(void *arg);
  void (*leave)(void *arg, int status);
  void *arg;

  /* Or a program: argv[0] is looked for in the caller's PATH. */
  const char *const *argv;

  /* Or a body that argv, a program of ours, gets to know as data. */
  enum bl_method method;
  const struct bl_cargo *cargo;
  const struct bl_cargo *preload;

  const char *const *envp; /* null: the caller's environment */
  const char *cwd;         /* null: the caller's */
  int cwd_fd;              /* what cwd is relative to; 0: the caller's */
  struct bl_stdio stdio[3];
  struct bl_limit_value limits[BL_LIMITS];
  int nice;                  /* added to the caller's */
  int umask_set;
  unsigned umask;
  int session;               /* lead a session of its own */
  int pgroup;                /* lead a process group of its own */
  int daemon;                /* dies with the process that started it */
  uint64_t signals;          /* those without their default disposition, where
                                the caller knows it (signals.h); 0: ask */
  int lifeline;              /* or with who holds the other end of this pipe
                                (lifeline.h); 0: none */
  const struct bl_slot *slot; /* the body's (board.h), where its owner is not
                                 who forks: with `signals`. To answer that all
                                 is well, and to wait at the gate, is left to
                                 the body. Null: one is taken */
  int allow_threads;         /* fork although other threads exist */
  int control;               /* command: becomes BL_CONTROL_FD; 0: none */
  int ready_fd;              /* command: becomes this fd (0: none), the write
                                end of a pipe; see bl_process_ready_fd() */
  int ready_notify;          /* command: sends READY=1 to the socket that its
                                NOTIFY_SOCKET names (notify.h) */
  int bell;                  /* rung (bell.h) when a body is ready; 0: none */
  int64_t start_timeout_ns;  /* for the answer of a command; 0: 30 s */
};

#endif
