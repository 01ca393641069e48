/* SPDX-License-Identifier: MIT */
#include "runtime/order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fd.h"

/* ---- notes ---- */

int bl_note_send(int sock, const struct bl_note *note,
                 const struct bl_note_more *more) {
  static const struct bl_note_more none;
  if (!more) more = &none;
  struct iovec parts[4] = {{(void *)(uintptr_t)note, sizeof *note},
                           more->parts[0], more->parts[1], more->parts[2]};
  return bl_packet_post(sock, parts, 4, more->fds, more->n);
}

int bl_note_read(const struct bl_packet *p, struct bl_note *note,
                 const char **bytes, size_t *size) {
  if (p->size < sizeof *note) return BL_EBADFRAME;
  memcpy(note, p->bytes, sizeof *note);
  *bytes = p->bytes + sizeof *note;
  *size = p->size - sizeof *note;
  return 0;
}

/* ---- orders: a fixed part, null-terminated strings, the parcel ---- */

enum { DIRECTORY, LIFELINE, STDIO, DESCRIPTORS = STDIO + 3 };

struct fixed {
  struct bl_limit_value limits[BL_LIMITS];
  int64_t start_timeout_ns;
  enum bl_stdio_kind stdio[3];
  int at[DESCRIPTORS]; /* which descriptor is which; -1: not there */
  int nice, umask_set, session, pgroup, allow_threads;
  unsigned umask;
  int has_cwd;             /* the first string */
  unsigned environment;    /* how many of the others */
  size_t environment_size; /* their bytes */
};

/* All descriptors of an order: its own, then the parcel's. */
struct list {
  int n;
  int fds[DESCRIPTORS + BL_PACKET_FDS];
};

static void add(struct fixed *f, struct list *list, int which, int fd) {
  f->at[which] = fd < 0 ? -1 : list->n;
  if (fd >= 0) list->fds[list->n++] = fd;
}

/* What is inherited is what the owner has now. */
static void add_stdio(struct fixed *f, struct list *list,
                      const struct bl_plan *plan, const struct bl_handover *h,
                      int i) {
  enum bl_stdio_kind kind = plan->stdio[i].kind;
  int fd = BL_FD_NONE;
  if (kind == BL_STDIO_PIPE || kind == BL_STDIO_FD) fd = h->stdio[i];
  if (kind == BL_STDIO_INHERIT && fcntl(i, F_GETFD) >= 0) fd = i;
  if (fd != BL_FD_NONE) kind = BL_STDIO_FD;
  if (kind == BL_STDIO_INHERIT) kind = BL_STDIO_CLOSED;
  f->stdio[i] = kind;
  add(f, list, STDIO + i, fd);
}

static void fill(struct fixed *f, const struct bl_plan *plan) {
  memcpy(f->limits, plan->limits, sizeof f->limits);
  f->start_timeout_ns = plan->start_timeout_ns;
  f->nice = plan->nice;
  f->umask_set = plan->umask_set;
  f->umask = plan->umask;
  f->session = plan->session;
  f->pgroup = plan->pgroup;
  f->allow_threads = plan->allow_threads;
  f->has_cwd = plan->cwd != NULL;
}

/* The bytes of an order, to be freed; null without memory. */
static char *write_order(struct fixed *f, const struct bl_plan *plan,
                         size_t *size) {
  char *const *envp = bl_handover_environ(plan);
  *size = sizeof *f + (plan->cwd ? strlen(plan->cwd) + 1 : 0);
  for (; envp[f->environment]; f->environment++)
    f->environment_size += strlen(envp[f->environment]) + 1;
  *size += f->environment_size;
  char *bytes = malloc(*size), *to = bytes;
  if (!bytes) return NULL;
  to = mempcpy(to, f, sizeof *f);
  if (plan->cwd) to = stpcpy(to, plan->cwd) + 1;
  for (unsigned i = 0; i < f->environment; i++) to = stpcpy(to, envp[i]) + 1;
  return bytes;
}

/* The order's own part goes before the parcel, whose form is filled. */
static int send_order(int sock, const struct bl_note *note, struct fixed *f,
                      const struct bl_plan *plan, struct list *list,
                      const struct bl_parcel_form *form) {
  size_t size;
  memcpy(list->fds + list->n, form->fds, (size_t)form->n * sizeof *form->fds);
  char *bytes = write_order(f, plan, &size);
  struct bl_note_more more = {
      {{bytes, size},
       {(void *)(uintptr_t)&form->head, sizeof form->head},
       {(void *)(uintptr_t)plan->cargo->bytes, plan->cargo->size}},
      list->fds,
      list->n + form->n};
  int r = bytes ? bl_note_send(sock, note, &more) : -ENOMEM;
  free(bytes);
  return r;
}

int bl_order_send(int sock, uint64_t id, const struct bl_plan *plan,
                  const struct bl_handover *h, const struct bl_slot *slot,
                  int lifeline) {
  struct fixed f;
  struct list list;
  struct bl_parcel_form form;
  struct bl_note note = {.kind = BL_NOTE_ORDER, .id = id};
  int r = bl_parcel_fill(&form, plan, slot, BL_FD_NONE); /* the zygote's */
  if (r < 0) return r;
  memset(&f, 0, sizeof f); /* its padding too is sent */
  list.n = 0;
  int directory = bl_fd_open(".", O_PATH | O_DIRECTORY, 0);
  fill(&f, plan);
  add(&f, &list, DIRECTORY, directory);
  add(&f, &list, LIFELINE, lifeline);
  for (int i = 0; i < 3; i++) add_stdio(&f, &list, plan, h, i);
  r = send_order(sock, &note, &f, plan, &list, &form);
  if (directory >= 0) bl_fd_close(directory);
  return r;
}

/* ---- the zygote reads ---- */

static int descriptor(const struct bl_packet *p, const struct fixed *f,
                      int which) {
  int at = f->at[which];
  return at >= 0 && at < p->n ? p->fds[at] : BL_FD_NONE;
}

static void read_descriptors(const struct bl_packet *p, const struct fixed *f,
                             struct bl_order *out) {
  int directory = descriptor(p, f, DIRECTORY);
  int lifeline = descriptor(p, f, LIFELINE);
  for (int i = 0; i < DESCRIPTORS; i++) out->n += f->at[i] >= 0;
  out->plan.cwd_fd = directory == BL_FD_NONE ? 0 : directory;
  out->plan.lifeline = lifeline == BL_FD_NONE ? 0 : lifeline;
  for (int i = 0; i < 3; i++) {
    out->plan.stdio[i].kind = f->stdio[i];
    out->plan.stdio[i].fd = descriptor(p, f, STDIO + i);
  }
}

/* The next of the strings from *at; null where there is none. */
static const char *next(const char **at, const char *end) {
  const char *s = *at;
  const char *zero = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;
  if (zero) *at = zero + 1;
  return zero ? s : NULL;
}

/* A copy, which outlives the packet in the child: the list of them, then the
 * strings. */
static int read_environment(const struct fixed *f, const char *at,
                            struct bl_order *out) {
  size_t list = ((size_t)f->environment + 1) * sizeof *out->envp;
  out->envp = malloc(list + f->environment_size);
  if (!out->envp) return -ENOMEM;
  const char *copy = (char *)out->envp + list;
  const char *end = copy + f->environment_size;
  memcpy((char *)out->envp + list, at, f->environment_size);
  for (unsigned i = 0; i < f->environment; i++)
    if (!(out->envp[i] = next(&copy, end))) return BL_EBADFRAME;
  out->envp[f->environment] = NULL;
  out->plan.envp = out->envp;
  return 0;
}

static int read_strings(const struct fixed *f, const char *at,
                        const char *end, struct bl_order *out) {
  if (f->has_cwd && !(out->plan.cwd = next(&at, end))) return BL_EBADFRAME;
  if (f->environment_size > (size_t)(end - at) ||
      f->environment > f->environment_size)
    return BL_EBADFRAME;
  out->parcel = at + f->environment_size;
  out->parcel_size = (size_t)(end - out->parcel);
  return read_environment(f, at, out);
}

int bl_order_read(const struct bl_packet *p, const char *bytes, size_t size,
                  struct bl_order *out) {
  struct fixed f;
  *out = (struct bl_order){0};
  if (size < sizeof f) return BL_EBADFRAME;
  memcpy(&f, bytes, sizeof f);
  read_descriptors(p, &f, out);
  if (out->n > p->n) return BL_EBADFRAME;
  memcpy(out->plan.limits, f.limits, sizeof f.limits);
  out->plan.start_timeout_ns = f.start_timeout_ns;
  out->plan.nice = f.nice;
  out->plan.umask_set = f.umask_set;
  out->plan.umask = f.umask;
  out->plan.session = f.session;
  out->plan.pgroup = f.pgroup;
  out->plan.allow_threads = f.allow_threads;
  int r = read_strings(&f, bytes + sizeof f, bytes + size, out);
  if (r < 0) free(out->envp);
  return r;
}

char *bl_order_key(const struct bl_plan *plan, size_t *size) {
  *size = plan->preload->size;
  for (int i = 0; plan->argv[i]; i++) *size += strlen(plan->argv[i]) + 1;
  char *key = malloc(*size + 1), *to = key;
  if (!key) return NULL;
  for (int i = 0; plan->argv[i]; i++) to = stpcpy(to, plan->argv[i]) + 1;
  memcpy(to, plan->preload->bytes, plan->preload->size);
  return key;
}
