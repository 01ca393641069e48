/* SPDX-License-Identifier: MIT */
#include "runtime/deliver.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/reap.h"
#include "runtime/zygote.h"

#define PIDFD_SIGNAL_PROCESS_GROUP 4 /* Linux 6.9 */

/* By number, for systems that know no better: while the child is unreaped and
 * ours, its number and its group's are nobody else's. */
static int send_by_number(pid_t pid, int signo, siginfo_t *info, int group) {
  long r = info ? syscall(SYS_rt_sigqueueinfo, pid, signo, info)
                : kill(group ? -pid : pid, signo);
  return r == 0 || errno == ESRCH ? 0 : -errno;
}

/* 0 when it was sent or there is nobody any more, else -errno. */
static int send_by_pidfd(int fd, int signo, siginfo_t *info, int group) {
  unsigned flags = group ? PIDFD_SIGNAL_PROCESS_GROUP : 0;
  if (syscall(SYS_pidfd_send_signal, fd, signo, info, flags) == 0) return 0;
  return errno == ESRCH ? 0 : -errno;
}

/* ENOSYS, EPERM: refused here, or the child is somebody else's by now, which
 * the number will tell; EINVAL: no groups before Linux 6.9. */
static int number_may_help(int error, int group) {
  return error == -ENOSYS || error == -EPERM || (error == -EINVAL && group);
}

static int send_to(const struct bl_spawned *child, int signo, siginfo_t *info,
                   int group) {
  const struct bl_pidfd *handle = &child->handle;
  int r = bl_fd_verify(handle->fd, &handle->id);
  if (r < 0) return r;
  if (!handle->by_pid) {
    r = send_by_pidfd(handle->fd, signo, info, group);
    if (child->ward) /* its parent is the zygote, which knows its group */
      return r == -EINVAL && group ? bl_ward_signal_group(child->ward, signo)
                                   : r;
    if (!number_may_help(r, group)) return r;
  }
  if (!bl_reap_owned(handle)) return 0;
  return send_by_number(handle->pid, signo, info, group);
}

int bl_deliver(const struct bl_spawned *child, int signo) {
  return send_to(child, signo, NULL, 0);
}

int bl_deliver_group(const struct bl_spawned *child, int signo) {
  return send_to(child, signo, NULL, 1);
}

int bl_deliver_request(const struct bl_spawned *child, int signo,
                       union sigval value) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = signo;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value = value;
  return send_to(child, signo, &info, 0);
}
