/* SPDX-License-Identifier: MIT */
#include "runtime/self.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/lock.h"
#include "runtime/pidfd.h"

static _Atomic int remembering;
static _Atomic pid_t known;           /* 0: ask */
static _Thread_local pid_t known_tid; /* likewise */

static void forget(void) { known = known_tid = 0; }

void bl_self_remember(void) {
  if (remembering) return;
  bl_lock_at_fork(forget);
  remembering = 1;
}

pid_t bl_self_pid(void) {
  pid_t pid = known;
  if (pid) return pid;
  pid = getpid();
  if (remembering) known = pid;
  return pid;
}

pid_t bl_self_tid(void) {
  if (known_tid) return known_tid;
  pid_t tid = gettid();
  if (remembering) known_tid = tid;
  return tid;
}

int bl_self_parent_fd(pid_t parent) {
  int fd = bl_pidfd_open(parent);
  if (fd == -ESRCH) return BL_ECLOSED;
  if (fd < 0) return fd;
  /* asked afterwards: then the number was the parent's when we opened it */
  if (getppid() == parent) return fd;
  bl_fd_close(fd);
  return BL_ECLOSED;
}

char *const *bl_self_environ(void) { return environ; }

int bl_self_seed(int64_t seed[2]) {
  ssize_t n = getrandom(seed, 2 * sizeof seed[0], 0);
  return n < 0 ? -errno : 0;
}

static int read_link(const char *link, char *path, size_t size) {
  ssize_t n = readlink(link, path, size - 1);
  if (n < 0) return -errno;
  path[n] = '\0';
  return 0;
}

int bl_self_program(char *path, size_t size) {
  return read_link("/proc/self/exe", path, size);
}

int bl_self_directory(char *path, size_t size) {
  return read_link("/proc/self/cwd", path, size);
}

/* A line of maps: begin-end mode offset device inode path. */
int bl_self_object(const void *address, char *path, size_t size) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[PATH_MAX + 128];
  int r = -ENOENT;
  if (!maps) return -errno;
  while (r != 0 && fgets(line, sizeof line, maps)) {
    uintptr_t begin, end;
    char *at = strchr(line, '/');
    if (!at || sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &begin, &end) != 2)
      continue;
    if ((uintptr_t)address < begin || (uintptr_t)address >= end) continue;
    at[strcspn(at, "\n")] = '\0';
    r = snprintf(path, size, "%s", at) < (int)size ? 0 : -ENAMETOOLONG;
  }
  fclose(maps);
  return r;
}
