/* SPDX-License-Identifier: MIT */
#include "runtime/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "runtime/bulk.h"
#include "runtime/fd.h"
#include "runtime/shm.h"

#define MAGIC UINT32_C(0x626c7031) /* "blp1" */

/* What stands in front of the bytes, or instead of them. */
struct head {
  uint32_t magic;
  uint32_t descriptors; /* besides the memory's */
  uint64_t size;
  uint64_t tag;
  uint64_t in_memory; /* 1: the first descriptor is a memfd with the bytes */
};

_Static_assert(sizeof(struct head) == BL_PACKET_HEAD, "its size is known");

enum { MOST = BL_PACKET_FDS + 1 }; /* the kernel would take 253 */

union control {
  struct cmsghdr header;
  char room[CMSG_SPACE(MOST * sizeof(int))];
};

static void empty(struct bl_packet *p) {
  p->bytes = p->inside;
  p->size = 0;
  p->tag = 0;
  p->n = 0;
  p->borrowed = 0;
  p->memory = BL_FD_NONE;
  p->map = NULL;
  p->wide = NULL;
}

/* ---- sending ---- */

static size_t total(const struct iovec *parts, int n) {
  size_t size = 0;
  for (int i = 0; i < n; i++) size += parts[i].iov_len;
  return size;
}

/* Where so many bytes are to be that travel in the socket; null: no memory. */
static char *make_room(struct bl_packet *p, size_t size) {
  if (size <= BL_PACKET_INSIDE) return p->inside;
  p->wide = malloc(size);
  p->bytes = p->wide;
  return p->wide;
}

static int copy_inside(struct bl_packet *p, const struct iovec *parts, int n) {
  char *to = make_room(p, p->size);
  if (!to) return -ENOMEM;
  for (int i = 0; i < n; i++) {
    if (parts[i].iov_len) memcpy(to, parts[i].iov_base, parts[i].iov_len);
    to += parts[i].iov_len;
  }
  return 0;
}

static int copy_to_memory(struct bl_packet *p, const struct iovec *parts,
                          int n) {
  int r = bl_shm_allowed(p->size);
  if (r < 0) return r;
  int fd = bl_shm_open("billiard-message");
  if (fd < 0) return fd;
  r = bl_bulk_fill(fd, parts, n, p->size);
  if (r == 0) r = bl_shm_freeze(fd);
  if (r < 0) bl_fd_close(fd);
  else p->memory = fd;
  return r;
}

/* Up to `most` bytes travel in the socket. */
static int fill(struct bl_packet *p, const struct iovec *parts, int n,
                const int *fds, int nfds, size_t most) {
  empty(p);
  if (nfds > BL_PACKET_FDS) return BL_ETOOBIG;
  p->size = total(parts, n);
  int r =
      p->size > most ? copy_to_memory(p, parts, n) : copy_inside(p, parts, n);
  if (r < 0) return r;
  for (int i = 0; i < nfds; i++) p->fds[i] = fds[i];
  p->n = nfds;
  p->borrowed = 1;
  return 0;
}

int bl_packet_fill(struct bl_packet *p, const struct iovec *parts, int n,
                   const int *fds, int nfds) {
  return fill(p, parts, n, fds, nfds, BL_PACKET_INSIDE);
}

int bl_packet_fill_wide(struct bl_packet *p, const struct iovec *parts, int n,
                        const int *fds, int nfds) {
  return fill(p, parts, n, fds, nfds, BL_PACKET_WIDE);
}

static void attach(struct msghdr *m, union control *control, int memory,
                   const int *fds, int nfds) {
  int all[MOST], n = 0;
  if (memory != BL_FD_NONE) all[n++] = memory;
  for (int i = 0; i < nfds; i++) all[n++] = fds[i];
  if (n == 0) return;
  size_t size = (size_t)n * sizeof *all;
  m->msg_control = control;
  m->msg_controllen = CMSG_SPACE(size);
  memset(control->room, 0, CMSG_SPACE(size)); /* the padding too */
  control->header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                     .cmsg_type = SCM_RIGHTS,
                                     .cmsg_len = CMSG_LEN(size)};
  memcpy(CMSG_DATA(&control->header), all, size);
}

static int put(int sock, const struct msghdr *m) {
  ssize_t n;
  do {
    n = sendmsg(sock, m, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return 0;
  if (errno == ETOOMANYREFS || errno == ENOBUFS) return -EAGAIN;
  return errno == EPIPE || errno == ECONNRESET ? BL_ECLOSED : -errno;
}

int bl_packet_send(int sock, const struct bl_packet *p) {
  int in_memory = p->memory != BL_FD_NONE;
  struct head head = {MAGIC, (uint32_t)p->n, p->size, p->tag,
                      (uint64_t)in_memory};
  struct iovec parts[2] = {
      {&head, sizeof head},
      {(void *)(uintptr_t)p->bytes, in_memory ? 0 : p->size}};
  struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
  union control control;
  attach(&m, &control, p->memory, p->fds, p->n);
  return put(sock, &m);
}

/* By way of a packet, which is much for a stack. */
static int post_large(int sock, const struct iovec *parts, int n,
                      const int *fds, int nfds) {
  struct bl_packet p;
  int r = bl_packet_fill(&p, parts, n, fds, nfds);
  if (r < 0) return r;
  r = bl_packet_send(sock, &p);
  bl_packet_erase(&p);
  return r;
}

int bl_packet_post(int sock, const struct iovec *parts, int n, const int *fds,
                   int nfds) {
  enum { PARTS = 8 };
  struct head head = {MAGIC, (uint32_t)nfds, total(parts, n), 0, 0};
  struct iovec all[1 + PARTS] = {{&head, sizeof head}};
  struct msghdr m = {.msg_iov = all, .msg_iovlen = (size_t)n + 1};
  union control control;
  if (nfds > BL_PACKET_FDS) return BL_ETOOBIG;
  if (head.size > BL_PACKET_INSIDE || n > PARTS)
    return post_large(sock, parts, n, fds, nfds);
  memcpy(all + 1, parts, (size_t)n * sizeof *parts);
  attach(&m, &control, BL_FD_NONE, fds, nfds);
  return put(sock, &m);
}

/* ---- receiving ---- */

/* ECONNRESET is reported once, where the other side left without reading all;
 * what it sent stands behind it. */
static int transient(int error) {
  return error == EINTR || error == ECONNRESET;
}

int bl_packet_peek(int sock, struct bl_packet_note *note) {
  struct head head;
  ssize_t n;
  do {
    n = recv(sock, &head, sizeof head, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
  } while (n < 0 && transient(errno));
  if (n <= 0) return n < 0 ? -errno : 0;
  memcpy(&note->byte, &head, 1);
  if (n == 1) return 1;
  if (n < (ssize_t)sizeof head || head.magic != MAGIC) return BL_EBADFRAME;
  note->size = head.size;
  note->tag = head.tag;
  note->inside = (size_t)n - sizeof head;
  return (int)n;
}

/* All descriptors that came, whatever they are. */
static void collect(struct msghdr *m, struct bl_packet *p) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < n; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      if (p->memory == BL_FD_NONE && p->n == 0) p->memory = fd;
      else p->fds[p->n++] = fd;
    }
  }
}

/* The first one is the memory only where the head says so. */
static void sort_out(struct bl_packet *p, int in_memory) {
  if (in_memory || p->memory == BL_FD_NONE) return;
  if (p->n == BL_PACKET_FDS) { /* one more than can be asked for */
    p->memory = bl_fd_close(p->memory);
    return;
  }
  memmove(p->fds + 1, p->fds, (size_t)p->n * sizeof *p->fds);
  p->fds[0] = p->memory;
  p->memory = BL_FD_NONE;
  p->n++;
}

static int map_memory(struct bl_packet *p) {
  int r = p->memory == BL_FD_NONE ? BL_EBADFRAME
                                  : bl_shm_check(p->memory, p->size, 0);
  if (r < 0 || p->size == 0) return r < 0 ? r : BL_EBADFRAME;
  /* not populated: a fault brings in its neighbours, and costs less */
  void *map = bl_bulk_view(p->memory, p->size);
  if (map == MAP_FAILED) return -errno;
  p->map = map;
  p->bytes = map;
  p->memory = bl_fd_close(p->memory); /* the mapping keeps it */
  return 0;
}

/* Judges what came: n bytes, and the descriptors in p. */
static int judge(struct bl_packet *p, const struct head *head, ssize_t n) {
  if (n < (ssize_t)sizeof *head || head->magic != MAGIC ||
      head->in_memory > 1 || head->size > SIZE_MAX / 2)
    return BL_EBADFRAME;
  size_t inside = (size_t)n - sizeof *head;
  sort_out(p, (int)head->in_memory);
  if (head->descriptors != (uint32_t)p->n) return BL_EBADFRAME;
  if (inside != (head->in_memory ? 0 : head->size)) return BL_EBADFRAME;
  p->size = head->size;
  p->tag = head->tag;
  return head->in_memory ? map_memory(p) : 0;
}

/* Where a host closed its stdio, descriptors land on 0 to 2. */
static int raise_descriptors(struct bl_packet *p) {
  for (int i = 0; i < p->n; i++) {
    int fd = bl_fd_above_stdio(p->fds[i]);
    p->fds[i] = fd < 0 ? BL_FD_NONE : fd;
    if (fd < 0) return fd;
  }
  return 0;
}

/* Was something left behind that would find no room? More descriptors than a
 * head may announce, or than this one does, are no lack of room. */
static int is_lacking(const struct bl_packet *p, const struct head *head,
                      ssize_t n) {
  uint64_t got = (uint64_t)p->n + (p->memory != BL_FD_NONE);
  uint64_t announced = (uint64_t)head->descriptors + head->in_memory;
  return n >= (ssize_t)sizeof *head && announced <= MOST && got < announced;
}

/* Into size bytes at `to`; flags for recvmsg. */
static int receive(int sock, struct bl_packet *p, char *to, size_t size,
                   int flags) {
  struct head head = {0};
  union control control;
  struct iovec parts[2] = {{&head, sizeof head}, {to, size}};
  struct msghdr m = {.msg_iov = parts,
                     .msg_iovlen = 2,
                     .msg_control = &control,
                     /* no padding: the kernel would use it for one more */
                     .msg_controllen = CMSG_LEN(MOST * sizeof(int))};
  ssize_t n;
  do {
    n = recvmsg(sock, &m, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (n < 0 && transient(errno));
  if (n < 0) return -errno;
  if (n == 0 && m.msg_controllen == 0) return 0;
  collect(&m, p);
  int r = BL_EBADFRAME;
  if (m.msg_flags & MSG_CTRUNC) r = is_lacking(p, &head, n) ? -EMFILE : r;
  else if (!(m.msg_flags & MSG_TRUNC)) r = judge(p, &head, n);
  if (r == 0) r = raise_descriptors(p);
  return r < 0 ? r : 1;
}

int bl_packet_receive(int sock, struct bl_packet *p) {
  empty(p);
  int r = receive(sock, p, p->inside, sizeof p->inside, 0);
  if (r < 0) bl_packet_drop(p);
  return r;
}

/* Takes what stands first out of the socket. */
static void pass(int sock) {
  char rest;
  ssize_t n;
  do {
    n = recv(sock, &rest, sizeof rest, MSG_DONTWAIT);
  } while (n < 0 && transient(errno));
}

static int is_no_room(int r) {
  return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

/* The socket keeps it until all of it is here. */
int bl_packet_take(int sock, const struct bl_packet_note *note,
                   struct bl_packet *p) {
  empty(p);
  size_t size = note->inside < BL_PACKET_WIDE ? note->inside : BL_PACKET_WIDE;
  char *to = make_room(p, size);
  if (!to) return -ENOMEM;
  int r = receive(sock, p, to, size, MSG_PEEK);
  if (r != 0 && r != -EAGAIN && !is_no_room(r)) pass(sock);
  if (r <= 0) bl_packet_drop(p);
  return r;
}

void bl_packet_drop(struct bl_packet *p) {
  if (p->map) munmap(p->map, p->size);
  free(p->wide);
  bl_fd_close(p->memory);
  for (int i = 0; i < p->n && !p->borrowed; i++) bl_fd_close(p->fds[i]);
  empty(p);
}

void bl_packet_erase(struct bl_packet *p) {
  if (p->wide) explicit_bzero(p->wide, p->size);
  else if (!p->map && p->memory == BL_FD_NONE)
    explicit_bzero(p->inside, p->size);
  bl_packet_drop(p);
}
