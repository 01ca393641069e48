/* SPDX-License-Identifier: MIT */
#include "runtime/parcel.h"

#include <errno.h>
#include <string.h>

#include "runtime/body.h"
#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/limit.h"
#include "runtime/pidfd.h"
#include "runtime/poll.h"
#include "runtime/self.h"
#include "runtime/signals.h"

#define MAGIC UINT32_C(0x626c7731) /* "blw1" */

/* Stands before the cargo's bytes; its descriptors before the cargo's. */
struct head {
  uint32_t magic;
  uint32_t kind;
  int32_t owner;
  uint32_t slot;
  uint32_t generation;
  int32_t at[3]; /* which descriptor is which of enum own; -1: not there */
};

enum own { OWNER, BELL, BOARD };

/* ---- the owner ---- */

struct list {
  int n;
  int fds[BL_PACKET_FDS];
};

static int32_t add(struct list *list, int fd) {
  if (fd < 0) return -1;
  list->fds[list->n] = fd;
  return list->n++;
}

/* The kernel's buffers of a fresh socket have room for a packet. */
static int send_parts(int control, const struct head *head,
                      const struct bl_cargo *cargo, struct list *list) {
  struct bl_packet packet;
  struct iovec parts[2] = {{(void *)(uintptr_t)head, sizeof *head},
                           {(void *)(uintptr_t)cargo->bytes, cargo->size}};
  if (cargo->n > BL_PACKET_FDS - list->n) return BL_ETOOBIG;
  for (int i = 0; i < cargo->n; i++) add(list, cargo->fds[i]);
  int r = bl_packet_fill(&packet, parts, 2, list->fds, list->n);
  if (r < 0) return r;
  r = bl_packet_send(control, &packet);
  bl_packet_erase(&packet);
  return r;
}

int bl_parcel_send(int control, const struct bl_plan *plan,
                   const struct bl_slot *slot) {
  struct list list = {0};
  struct head head = {.magic = MAGIC,
                      .kind = BL_PARCEL_BODY,
                      .owner = bl_self_pid()};
  int board;
  int r = bl_slot_share(slot, &board, &head.slot, &head.generation);
  if (r < 0) return r;
  int owner = bl_pidfd_usable() ? bl_pidfd_open(bl_self_pid()) : BL_FD_NONE;
  head.at[OWNER] = add(&list, owner);
  head.at[BELL] = add(&list, plan->bell > 0 ? plan->bell : BL_FD_NONE);
  head.at[BOARD] = add(&list, board);
  r = send_parts(control, &head, plan->cargo, &list);
  if (owner >= 0) bl_fd_close(owner);
  return r;
}

int bl_parcel_send_zygote(int control, const struct bl_cargo *cargo,
                          int lifeline) {
  struct list list = {0};
  struct head head = {.magic = MAGIC,
                      .kind = BL_PARCEL_ZYGOTE,
                      .owner = bl_self_pid(),
                      .at = {-1, -1, -1}};
  add(&list, lifeline);
  return send_parts(control, &head, cargo, &list);
}

/* ---- the child ---- */

static int take(struct bl_parcel *p, const struct head *head, enum own which) {
  int32_t at = head->at[which];
  if (at < 0 || at >= p->packet.n) return BL_FD_NONE;
  int fd = p->packet.fds[at];
  p->packet.fds[at] = BL_FD_NONE;
  return fd;
}

static int read_head(struct bl_parcel *p) {
  struct head head;
  int own = 0;
  if (p->packet.size < sizeof head) return BL_EBADFRAME;
  memcpy(&head, p->packet.bytes, sizeof head);
  if (head.magic != MAGIC) return BL_EBADFRAME;
  for (int i = 0; i < 3; i++) own += head.at[i] >= 0;
  if (own > p->packet.n) return BL_EBADFRAME;
  p->kind = (enum bl_parcel_kind)head.kind;
  p->owner = head.owner;
  p->slot = head.slot;
  p->generation = head.generation;
  p->owner_fd = take(p, &head, OWNER);
  p->bell = take(p, &head, BELL);
  p->board = take(p, &head, BOARD);
  p->bytes = p->packet.bytes + sizeof head;
  p->size = p->packet.size - sizeof head;
  p->fds = p->packet.fds + own;
  p->n = p->packet.n - own;
  return 0;
}

/* The packet, without a wait where it is there already. */
static int await(int control, struct bl_packet *packet) {
  int r = bl_packet_receive(control, packet);
  while (r == BL_EINTR || r == -EAGAIN) {
    r = bl_poll_one(control, POLLIN, BL_FOREVER);
    if (r > 0) r = bl_packet_receive(control, packet);
  }
  return r == 0 ? BL_ECLOSED : r < 0 ? r : 0;
}

int bl_parcel_receive(int control, struct bl_parcel *p) {
  p->owner_fd = p->bell = p->board = BL_FD_NONE;
  p->control = control;
  int r = await(control, &p->packet);
  if (r < 0) return r;
  r = read_head(p);
  if (r < 0) bl_parcel_drop(p);
  return r;
}

/* The owner opens the gate before it closes its end, or never. */
int bl_parcel_wait(struct bl_parcel *p) {
  int r;
  while ((r = bl_body_look(BL_GATE_SLICE_NS)) == 0) {
    int closed = bl_poll_one(p->control, POLLIN, 0);
    if (closed == BL_ETERMINATED) return closed;
    if (closed != 0 && closed != BL_EINTR)
      return bl_body_look(0) == 1 ? 0 : BL_ECLOSED;
  }
  return r < 0 ? r : 0;
}

int bl_parcel_accept(struct bl_parcel *p) {
  if (p->kind != BL_PARCEL_BODY || p->board == BL_FD_NONE) return BL_EBADFRAME;
  int board = p->board, bell = p->bell;
  p->board = p->bell = BL_FD_NONE;
  int forked = bl_body_here(); /* by a zygote: it listens already */
  int r = bl_body_adopt(board, p->slot, p->generation, bell);
  if (r < 0) return r;
  if (!forked) bl_limit_listen();
  bl_signals_unblock();
  bl_body_answer(BL_STEP_NONE, 0);
  return 0;
}

void bl_parcel_drop(struct bl_parcel *p) {
  p->owner_fd = bl_fd_close(p->owner_fd);
  p->bell = bl_fd_close(p->bell);
  p->board = bl_fd_close(p->board);
  p->control = bl_fd_close(p->control);
  bl_packet_erase(&p->packet);
}
