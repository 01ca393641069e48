/* SPDX-License-Identifier: MIT */
#include "runtime/signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/fd.h"

void bl_signals_block(sigset_t *saved) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, saved);
}

void bl_signals_restore(const sigset_t *saved) {
  pthread_sigmask(SIG_SETMASK, saved, NULL);
}

static int is_default(const struct sigaction *action) {
  return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL;
}

uint64_t bl_signals_changed(void) {
  uint64_t changed = 0;
  for (int signo = 1; signo <= SIGRTMAX; signo++) {
    struct sigaction now;
    if (sigaction(signo, NULL, &now) == 0 && !is_default(&now))
      changed |= UINT64_C(1) << (signo - 1);
  }
  return changed;
}

void bl_signals_reset(uint64_t signals) {
  struct sigaction by_default = {.sa_handler = SIG_DFL};
  for (; signals; signals &= signals - 1) /* lowest bit first */
    sigaction(__builtin_ctzll(signals) + 1, &by_default, NULL);
}

void bl_signals_unblock_but(int signo) {
  sigset_t blocked;
  sigemptyset(&blocked);
  if (signo) sigaddset(&blocked, signo);
  sigprocmask(SIG_SETMASK, &blocked, NULL); /* a child has one thread */
}

void bl_signals_unblock(void) { bl_signals_unblock_but(0); }

void bl_signals_catch(int signo, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  sigaction(signo, &action, NULL);
}

void bl_signals_ignore_ends(void) {
  static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    sigaction(ends[i], &ignore, NULL);
}

_Noreturn void bl_signals_die(int signo) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigset_t only;
  sigaction(signo, &action, NULL);
  sigemptyset(&only);
  sigaddset(&only, signo);
  raise(signo);
  pthread_sigmask(SIG_UNBLOCK, &only, NULL);
  _exit(128 + signo); /* the default action was not the end */
}

static void only_sigpipe(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGPIPE);
}

void bl_signals_mute_pipe(sigset_t *saved) {
  sigset_t pipe_only;
  only_sigpipe(&pipe_only);
  pthread_sigmask(SIG_BLOCK, &pipe_only, saved);
}

void bl_signals_unmute_pipe(const sigset_t *saved, int got_epipe) {
  /* SIGPIPE is aimed at the writing thread: the pending one is ours, unless
     the caller had it blocked before us, when one more changes nothing. */
  if (got_epipe && !sigismember(saved, SIGPIPE)) {
    sigset_t pipe_only;
    struct timespec now = {0, 0};
    only_sigpipe(&pipe_only);
    while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, saved, NULL);
}

int bl_signals_watch_end(sigset_t *saved) {
  static const int ends[] = {SIGINT, SIGTERM};
  sigset_t watched;
  sigemptyset(&watched);
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    struct sigaction now;
    sigaction(ends[i], NULL, &now);
    if (is_default(&now)) sigaddset(&watched, ends[i]);
  }
  int fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return -errno;
  pthread_sigmask(SIG_BLOCK, &watched, saved);
  return fd;
}

int bl_signals_take_end(int fd) {
  struct signalfd_siginfo info;
  ssize_t n = bl_fd_read(fd, &info, sizeof info);
  return n == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void bl_signals_unwatch_end(int fd, const sigset_t *saved) {
  bl_fd_close(fd);
  bl_signals_restore(saved);
}
