/* SPDX-License-Identifier: MIT */
/* Messages that tell of themselves whether they are whole: what the tests of
 * channels send. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/channel.h"
#include "spec/native/check.h"

struct traffic {
  uint32_t sender, number;
  uint32_t size; /* of the whole message, at least this */
  uint32_t seed;
};

static inline uint32_t traffic_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static inline unsigned char traffic_byte(const struct traffic *t, size_t i) {
  return (unsigned char)(t->seed + i * 7 + i / 251);
}

/* Writes a message into `to`, t->size bytes. */
static inline void traffic_write(const struct traffic *t, char *to) {
  memcpy(to, t, sizeof *t);
  for (size_t i = sizeof *t; i < t->size; i++)
    to[i] = (char)traffic_byte(t, i);
}

/* Is it whole? Then what is written in front of it is in *t. */
static inline int traffic_read(struct traffic *t, const struct bl_message *m) {
  if (m->size < sizeof *t) return 0;
  memcpy(t, m->bytes, sizeof *t);
  if (t->size != m->size) return 0;
  for (size_t i = sizeof *t; i < m->size; i++)
    if ((unsigned char)m->bytes[i] != traffic_byte(t, i)) return 0;
  return 1;
}

/* Small ones mostly; now and then around a page, and as packets. */
static inline uint32_t traffic_size(uint32_t *state) {
  uint32_t kind = traffic_random(state) % 100, n = traffic_random(state);
  uint32_t most = kind < 80   ? 100
                  : kind < 96 ? 6000
                  : kind < 99 ? 40000
                              : 200000;
  return (uint32_t)sizeof(struct traffic) + n % most;
}

static inline int traffic_send(struct bl_channel *c, const void *bytes,
                               size_t size, int64_t deadline_ns) {
  struct iovec part = {(void *)(uintptr_t)bytes, size};
  int r;
  do {
    r = bl_channel_send(c, &part, 1, NULL, 0, deadline_ns);
  } while (r == BL_EINTR);
  return r;
}

static inline int traffic_receive(struct bl_channel *c, struct bl_message *m,
                                  int64_t deadline_ns) {
  int r;
  do {
    r = bl_channel_receive(c, m, SIZE_MAX, deadline_ns);
  } while (r == BL_EINTR);
  return r;
}

/* Receives and drops. */
static inline int traffic_skip(struct bl_channel *c, int64_t deadline_ns) {
  struct bl_message m;
  int r = traffic_receive(c, &m, deadline_ns);
  if (r == 0) bl_message_drop(&m);
  return r;
}

static inline int traffic_exit(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void traffic_kill(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

static inline void traffic_close(struct bl_channel *ends[2]) {
  ends[0] = bl_channel_free(ends[0]);
  ends[1] = bl_channel_free(ends[1]);
}

#endif
