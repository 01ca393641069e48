/* SPDX-License-Identifier: MIT */
#include "runtime/hire.h"

#include <errno.h>
#include <signal.h>

#include "runtime/clock.h"

enum { OWNER, WORKER, ENDS };

struct contract {
  struct bl_link ends[ENDS];
  const struct bl_worker_work *work;
};

static int serve(void *arg) {
  struct contract *c = arg;
  struct bl_link *link = &c->ends[WORKER];
  bl_link_drop(&c->ends[OWNER]);
  int r = bl_worker_up(link, 0, NULL, 0);
  if (r == 0) r = bl_worker_serve(link, c->work);
  return r < 0;
}

int bl_pool_hire(struct bl_pool *p, const struct bl_worker_work *work,
                 uint64_t max_tasks, enum bl_step *step) {
  struct contract c = {.work = work};
  struct bl_plan plan = {.body = serve, .arg = &c, .daemon = 1, .pgroup = 1};
  struct bl_process *process = bl_process_new();
  *step = BL_STEP_PIPE;
  if (!process) return -ENOMEM;
  int r = bl_link_pair(&c.ends[OWNER], &c.ends[WORKER]);
  if (r == 0) {
    r = bl_process_start(process, &plan, step);
    bl_link_drop(&c.ends[WORKER]);
    if (r < 0) bl_link_drop(&c.ends[OWNER]);
  }
  if (r < 0) {
    bl_process_free(process);
    return r;
  }
  r = bl_pool_add(p, process, &c.ends[OWNER], max_tasks);
  if (r >= 0) return r;
  bl_process_signal(process, SIGKILL);
  bl_process_join(process, BL_FOREVER);
  bl_process_free(process);
  return r;
}
