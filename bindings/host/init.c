/* SPDX-License-Identifier: MIT */
#include "bindings/host/init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNAL_BASE = 128 };

/* What was ignored before exec stays so. An ignored SIGCHLD would have the
 * kernel reap for us, and say nothing: we would wait for ever. And the script
 * starts as programs do, whoever started the container. */
static void reset_dispositions(void) {
  for (int signo = 1; signo < NSIG; signo++) signal(signo, SIG_DFL);
}

/* A group of its own, in the foreground of the terminal, so that what the
 * terminal sends reaches the script and not us too. */
static void lead_foreground(void) {
  setpgid(0, 0);
  if (!isatty(STDIN_FILENO)) return;
  void (*before)(int) = signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(STDIN_FILENO, getpgrp());
  signal(SIGTTOU, before);
}

static int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status)
                           : SIGNAL_BASE + WTERMSIG(status);
}

/* Whatever has ended; leaves when it is the child that does the work. */
static void reap(pid_t worker) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    if (pid == worker) exit(exit_status(status));
}

static _Noreturn void serve(pid_t worker, const sigset_t *all) {
  for (;;) {
    siginfo_t info;
    int signo = sigwaitinfo(all, &info);
    if (signo < 0) continue;
    if (signo == SIGCHLD) reap(worker);
    else kill(worker, signo);
  }
}

void init_split(void) {
  sigset_t all, before;
  if (getpid() != 1) return;
  sigfillset(&all);
  /* those of our own faults must stay what they are */
  static const int own[] = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                            SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    sigdelset(&all, own[i]);
  sigprocmask(SIG_SETMASK, &all, &before);
  reset_dispositions();
  pid_t worker = fork();
  if (worker < 0) {
    fprintf(stderr, "billiard: cannot fork as process 1: %s\n",
            strerror(errno));
    exit(EXIT_FAILURE);
  }
  if (worker > 0) serve(worker, &all);
  lead_foreground();
  sigprocmask(SIG_SETMASK, &before, NULL);
}
