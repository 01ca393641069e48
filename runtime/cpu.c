/* SPDX-License-Identifier: MIT */
#include "runtime/cpu.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, MANY_CPUS = 8192 };

int bl_cpu_count(void) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? BL_ENOTIMPL : (int)n;
}

static int affinity_count(int otherwise) {
  cpu_set_t *set = CPU_ALLOC(MANY_CPUS);
  size_t size = CPU_ALLOC_SIZE(MANY_CPUS);
  int n = otherwise;
  if (set && sched_getaffinity(0, size, set) == 0) n = CPU_COUNT_S(size, set);
  CPU_FREE(set);
  return n;
}

static int read_line(const char *path, char *line, size_t size) {
  FILE *f = fopen(path, "re");
  if (!f) return 0;
  char *got = fgets(line, (int)size, f);
  fclose(f);
  return got != NULL;
}

static int whole_cpus(double quota, double period) {
  if (quota <= 0 || period <= 0) return 0;
  int n = (int)(quota / period);
  return n * period < quota ? n + 1 : n;
}

/* One cgroup's quota in processors, 0 for none. Version 2 writes "max 100000"
 * or "150000 100000" into one file, version 1 has a file each. */
static int quota_of(const char *folder, int version) {
  char path[PATH_SIZE + 64], line[128], period[128];
  if (version == 2) {
    double quota = 0, length = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, line, sizeof line)) return 0;
    if (sscanf(line, "%lf %lf", &quota, &length) != 2) return 0;
    return whole_cpus(quota, length);
  }
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
  if (!read_line(path, line, sizeof line)) return 0;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
  if (!read_line(path, period, sizeof period)) return 0;
  return whole_cpus(atof(line), atof(period));
}

/* The least quota from a cgroup up to the mount point, at most `least`. */
static int least_quota(const char *mount, const char *group, int version,
                       int least) {
  char folder[PATH_SIZE];
  snprintf(folder, sizeof folder, "%s%s", mount, group);
  for (;;) {
    int n = quota_of(folder, version);
    if (n > 0 && n < least) least = n;
    char *slash = strrchr(folder, '/');
    if (!slash || strlen(folder) <= strlen(mount)) return least;
    *slash = '\0';
  }
}

/* Is "cpu" one of the controllers in "cpu,cpuacct"? */
static int names_cpu(char *controllers) {
  char *rest = NULL;
  for (char *c = strtok_r(controllers, ",", &rest); c;
       c = strtok_r(NULL, ",", &rest))
    if (strcmp(c, "cpu") == 0) return 1;
  return 0;
}

/* A line of /proc/self/cgroup: "0::/group" or "4:cpu,cpuacct:/group". */
static int line_quota(char *line, int least) {
  line[strcspn(line, "\n")] = '\0';
  char *controllers = strchr(line, ':');
  char *group = controllers ? strchr(controllers + 1, ':') : NULL;
  if (!group) return least;
  *controllers++ = '\0';
  *group++ = '\0';
  if (strcmp(group, "/") == 0) group[0] = '\0';
  if (strcmp(line, "0") == 0) {
    least = least_quota("/sys/fs/cgroup", group, 2, least);
    return least_quota("/sys/fs/cgroup/unified", group, 2, least);
  }
  return names_cpu(controllers)
             ? least_quota("/sys/fs/cgroup/cpu", group, 1, least)
             : least;
}

static int cgroup_count(int least) {
  char line[PATH_SIZE];
  FILE *f = fopen("/proc/self/cgroup", "re");
  if (!f) return least;
  while (fgets(line, sizeof line, f)) least = line_quota(line, least);
  fclose(f);
  return least;
}

int bl_cpu_usable(void) {
  int n = bl_cpu_count();
  return n < 0 ? n : cgroup_count(affinity_count(n));
}
