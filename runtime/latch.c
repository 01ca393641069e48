/* SPDX-License-Identifier: MIT */
#include "runtime/latch.h"

#include <errno.h>

#include "runtime/self.h"

int bl_latch_init(struct bl_latch *l, enum bl_latch_kind kind) {
  l->kind = kind;
  return bl_mutex_init(&l->mutex);
}

/* What taking the mutex came to, for its holder. */
static int taken(struct bl_latch *l, const void *handle, int r) {
  if (r == BL_EDEADLOCK && l->kind == BL_LATCH_RECURSIVE) {
    l->depth++;
    return BL_MUTEX_TAKEN;
  }
  if (r < 0) return r == -EBUSY ? BL_ETIMEOUT : r;
  l->depth = 1;
  l->handle = handle;
  if (l->forsaken) { /* counted by who did */
    l->forsaken = 0;
    return BL_MUTEX_INHERITED;
  }
  if (r == BL_MUTEX_INHERITED) l->deaths++;
  return r;
}

int bl_latch_try(struct bl_latch *l, const void *handle) {
  return taken(l, handle, bl_mutex_try(&l->mutex));
}

int bl_latch_take(struct bl_latch *l, const void *handle,
                  int64_t deadline_ns) {
  return taken(l, handle, bl_mutex_take(&l->mutex, deadline_ns));
}

int bl_latch_insist(struct bl_latch *l, const void *handle) {
  return taken(l, handle, bl_mutex_insist(&l->mutex));
}

int bl_latch_is_mine(const struct bl_latch *l) {
  pid_t holder = bl_mutex_holder(&l->mutex);
  return holder != 0 && holder == bl_self_tid();
}

int bl_latch_give(struct bl_latch *l) {
  if (l->kind == BL_LATCH_RECURSIVE && l->depth > 1 && bl_latch_is_mine(l)) {
    l->depth--;
    return 0;
  }
  return bl_mutex_give(&l->mutex);
}

int bl_latch_drop(struct bl_latch *l) {
  if (!bl_latch_is_mine(l)) return -EPERM;
  int depth = (int)l->depth;
  bl_mutex_give(&l->mutex);
  return depth;
}

void bl_latch_deepen(struct bl_latch *l, int depth) {
  l->depth += (uint32_t)depth - 1; /* another coroutine may have it, too */
}

void bl_latch_forsake(struct bl_latch *l, const void *handle) {
  if (!bl_latch_is_mine(l) || l->handle != handle) return;
  l->forsaken = 1;
  l->deaths++;
  bl_mutex_give(&l->mutex);
}

uint32_t bl_latch_deaths(const struct bl_latch *l) {
  return l->deaths + (bl_mutex_is_left(&l->mutex) ? 1 : 0);
}
