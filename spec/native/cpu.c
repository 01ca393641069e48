/* SPDX-License-Identifier: MIT */
#include "runtime/cpu.h"

#include <sched.h>

#include "spec/native/check.h"

static void counts(void) {
  CHECK(bl_cpu_count() >= 1);
  CHECK_INT(bl_cpu_count(), sysconf(_SC_NPROCESSORS_ONLN));
}

static void uses_no_more(void) {
  CHECK(bl_cpu_usable() >= 1);
  CHECK(bl_cpu_usable() <= bl_cpu_count());
}

static int pinned(void) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) return 99;
  size_t cpu = 0;
  while (!CPU_ISSET(cpu, &allowed)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one) < 0) return 99;
  return bl_cpu_usable();
}

static void minds_affinity(void) { CHECK_INT(check_in_child(pinned), 1); }

CHECK_MAIN({"the processors are those that are online", counts},
           {"no more are usable than there are", uses_no_more},
           {"a process tied to one processor may use one", minds_affinity})
