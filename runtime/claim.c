/* SPDX-License-Identifier: MIT */
#include "runtime/claim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/pause.h"
#include "runtime/pidfd.h"
#include "runtime/poll.h"
#include "runtime/self.h"
#include "runtime/spin.h"

enum {
  PATIENCE = 100,       /* looks before the first nap */
  LARGEST_PID = 1 << 22 /* the kernel's limit */
};

#define FIRST_NAP_NS INT64_C(50000)
#define LONGEST_NAP_NS BL_MILLISECOND_NS
#define ABANDONED_NS (100 * BL_MILLISECOND_NS)

static int swap(struct bl_claim *claim, int32_t from, int32_t to) {
  return atomic_compare_exchange_strong(&claim->holder, &from, to);
}

int bl_claim_try(struct bl_claim *claim) {
  return swap(claim, 0, bl_self_pid());
}

void bl_claim_give(struct bl_claim *claim) {
  atomic_store_explicit(&claim->holder, 0, memory_order_release);
}

static int32_t holder(const struct bl_claim *claim) {
  return atomic_load_explicit(&claim->holder, memory_order_acquire);
}

/* Without a pidfd: a process that nobody has reaped yet has no program. */
static int is_unseen(int32_t pid) {
  char name[32], to[1];
  if (kill(pid, 0) < 0) return errno == ESRCH;
  snprintf(name, sizeof name, "/proc/%d/exe", (int)pid);
  return readlink("/proc/self/exe", to, sizeof to) > 0 &&
         readlink(name, to, sizeof to) < 0 && errno == ENOENT;
}

/* A pid that is no process's, or whose process has ended. */
static int is_gone(int32_t pid) {
  if (pid <= 0 || pid > LARGEST_PID) return 1;
  int fd = bl_pidfd_usable() ? bl_pidfd_open(pid) : -ENOSYS;
  if (fd == -ESRCH) return 1;
  if (fd < 0) return is_unseen(pid);
  int gone = bl_poll_one(fd, POLLIN, 0) > 0;
  bl_fd_close(fd);
  return gone;
}

/* Waits for at most PATIENCE looks; the holder at the last of them. */
static int32_t look(const struct bl_claim *claim) {
  int32_t pid = holder(claim);
  for (int i = 0; pid != 0 && i < PATIENCE; i++) {
    bl_pause();
    pid = holder(claim);
  }
  return pid;
}

/* 1 when it is taken, 0 when not. */
static int take_over(struct bl_claim *claim) {
  int32_t pid = look(claim);
  if (pid < 0 || pid > LARGEST_PID) return BL_EBADFRAME;
  return (pid == 0 || is_gone(pid)) && swap(claim, pid, bl_self_pid());
}

/* 0 at its end, 1 when the peer of sock has gone before. */
static int nap(int sock, int64_t until_ns) {
  int r = bl_poll_one(sock, 0, until_ns);
  if (r <= 0) return r;
  r = bl_poll(NULL, 0, until_ns);
  return r < 0 ? r : 1;
}

static int contend(struct bl_claim *claim, int sock, int64_t deadline_ns) {
  int64_t length = FIRST_NAP_NS, alone_ns = 0;
  for (;;) {
    int r = take_over(claim);
    if (r != 0) return r < 0 ? r : 0;
    int64_t now = bl_now_ns();
    if (now >= deadline_ns) return BL_ETIMEOUT;
    int64_t until = deadline_ns - now < length ? deadline_ns : now + length;
    r = nap(sock, until);
    if (r < 0) return r;
    if (r > 0) alone_ns += length;
    if (alone_ns > ABANDONED_NS) return BL_ECLOSED;
    if (length < LONGEST_NAP_NS) length *= 2;
  }
}

int bl_claim_take(struct bl_claim *claim, int sock, int64_t deadline_ns) {
  return bl_claim_try(claim) ? 0 : contend(claim, sock, deadline_ns);
}
