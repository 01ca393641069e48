/* SPDX-License-Identifier: MIT */
#include "runtime/signame.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

int bl_signal_number(const char *name) {
  if (strncmp(name, "SIG", 3) == 0) name += 3;
  for (int signo = 1; signo < NSIG; signo++) {
    const char *abbreviation = sigabbrev_np(signo);
    if (abbreviation && strcmp(abbreviation, name) == 0) return signo;
  }
  return -EINVAL;
}

const char *bl_signal_name(int signo) {
  static _Thread_local char text[16];
  const char *abbreviation = sigabbrev_np(signo);
  if (abbreviation)
    snprintf(text, sizeof text, "SIG%s", abbreviation);
  else
    snprintf(text, sizeof text, "SIG%d", signo);
  return text;
}

int bl_signal_valid(int signo) { return signo >= 1 && signo <= SIGRTMAX; }
