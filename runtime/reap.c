/* SPDX-License-Identifier: MIT */
#include "runtime/reap.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* linux/pidfd.h of 6.15; older headers do not have it. */
struct pidfd_info {
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t ids[11];
  int32_t wait_status;
};
#define PIDFD_GET_INFO _IOWR(0xFF, 11, struct pidfd_info)
#define PIDFD_INFO_EXIT (UINT64_C(1) << 3)

static int64_t timeval_ns(struct timeval t) {
  return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

static void decode(const siginfo_t *info, const struct rusage *usage,
                   struct bl_exit *out) {
  *out = (struct bl_exit){
      .how = info->si_code == CLD_EXITED ? BL_HOW_EXITED : BL_HOW_SIGNALED,
      .code = info->si_status,
      .core = info->si_code == CLD_DUMPED,
      .utime_ns = timeval_ns(usage->ru_utime),
      .stime_ns = timeval_ns(usage->ru_stime),
      .maxrss_kib = usage->ru_maxrss};
}

static void decode_stolen(int pidfd, struct bl_exit *out) {
  struct pidfd_info info = {.mask = PIDFD_INFO_EXIT};
  *out = (struct bl_exit){.how = BL_HOW_UNKNOWN};
  if (ioctl(pidfd, PIDFD_GET_INFO, &info) < 0) return;
  if (!(info.mask & PIDFD_INFO_EXIT)) return;
  int status = info.wait_status;
  out->how = WIFEXITED(status) ? BL_HOW_EXITED : BL_HOW_SIGNALED;
  out->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  out->core = WIFSIGNALED(status) && WCOREDUMP(status);
}

/* The system call itself: libc's waitid() has no rusage. Only a call that
 * waits can be interrupted. */
static int wait_for(const struct bl_pidfd *child, int options,
                    siginfo_t *info, struct rusage *usage) {
  memset(info, 0, sizeof *info);
  int idtype = child->by_pid ? P_PID : P_PIDFD;
  int id = child->by_pid ? child->pid : child->fd;
  long r = syscall(SYS_waitid, idtype, id, info, WEXITED | options, usage);
  if (r < 0) return errno == EINTR ? BL_EINTR : -errno;
  return 0;
}

/* A pidfd of a process that is not our child (any more) is readable once
 * that has ended. */
static int ended(const struct bl_pidfd *child) {
  struct pollfd p = {.fd = child->fd, .events = POLLIN};
  return child->by_pid || (poll(&p, 1, 0) == 1 && (p.revents & POLLIN));
}

static int take(const struct bl_pidfd *child, int options,
                struct bl_exit *out) {
  siginfo_t info;
  struct rusage usage;
  int r = wait_for(child, options, &info, &usage);
  if (r == -ECHILD || r == BL_EINTR) return r;
  if (r < 0) return -EBADF; /* EINVAL: the number is another file's by now */
  if (info.si_pid == 0) return 0;
  if (info.si_pid != child->pid) return -EBADF;
  decode(&info, &usage, out);
  return 1;
}

int bl_reap(const struct bl_pidfd *child, struct bl_exit *out) {
  int r = take(child, WNOHANG, out);
  if (r != -ECHILD) return r;
  if (!ended(child)) return 0;
  decode_stolen(child->fd, out);
  return 1;
}

int bl_reap_wait(const struct bl_pidfd *child, struct bl_exit *out) {
  return take(child, 0, out);
}

int bl_reap_owned(const struct bl_pidfd *child) {
  siginfo_t info;
  return wait_for(child, WNOHANG | WNOWAIT, &info, NULL) == 0;
}

int bl_reap_due(const struct bl_pidfd *child) {
  siginfo_t info;
  return wait_for(child, WNOHANG | WNOWAIT, &info, NULL) == 0 &&
         info.si_pid == child->pid;
}

void bl_reap_unborn(pid_t pid) {
  struct bl_pidfd child = {.pid = pid, .by_pid = 1};
  siginfo_t info;
  while (wait_for(&child, 0, &info, NULL) == BL_EINTR) {
  }
}
