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

enum own { OWNER, BELL, BOARD };

/* ---- the owner ---- */

static int32_t add(struct bl_parcel_form *form, int fd) {
  if (fd < 0) return -1;
  form->fds[form->n] = fd;
  return form->n++;
}

static void begin(struct bl_parcel_form *form, enum bl_parcel_kind kind) {
  form->head = (struct bl_parcel_head){.magic = MAGIC,
                                       .kind = kind,
                                       .owner = bl_self_pid(),
                                       .at = {-1, -1, -1}};
  form->n = 0;
}

static int add_all(struct bl_parcel_form *form, const struct bl_cargo *cargo) {
  if (cargo->n > BL_PACKET_FDS - form->n) return BL_ETOOBIG;
  for (int i = 0; i < cargo->n; i++) add(form, cargo->fds[i]);
  return 0;
}

int bl_parcel_fill(struct bl_parcel_form *form, const struct bl_plan *plan,
                   const struct bl_slot *slot, int owner_fd) {
  int board;
  begin(form, BL_PARCEL_BODY);
  int r = bl_slot_share(slot, &board, &form->head.slot,
                        &form->head.generation);
  if (r < 0) return r;
  form->head.at[OWNER] = add(form, owner_fd);
  form->head.at[BELL] = add(form, plan->bell > 0 ? plan->bell : BL_FD_NONE);
  form->head.at[BOARD] = add(form, board);
  return add_all(form, plan->cargo);
}

/* The kernel's buffers of a fresh socket have room for a packet. */
static int send_form(int control, const struct bl_parcel_form *form,
                     const struct bl_cargo *cargo) {
  struct iovec parts[2] = {
      {(void *)(uintptr_t)&form->head, sizeof form->head},
      {(void *)(uintptr_t)cargo->bytes, cargo->size}};
  return bl_packet_post(control, parts, 2, form->fds, form->n);
}

int bl_parcel_send(int control, const struct bl_plan *plan,
                   const struct bl_slot *slot) {
  struct bl_parcel_form form;
  int owner = bl_pidfd_usable() ? bl_pidfd_open(bl_self_pid()) : BL_FD_NONE;
  int r = bl_parcel_fill(&form, plan, slot, owner);
  if (r == 0) r = send_form(control, &form, plan->cargo);
  if (owner >= 0) bl_fd_close(owner);
  return r;
}

int bl_parcel_send_zygote(int control, const struct bl_cargo *cargo,
                          int lifeline) {
  struct bl_parcel_form form;
  int owner = bl_pidfd_open(bl_self_pid());
  if (owner < 0) return owner;
  begin(&form, BL_PARCEL_ZYGOTE);
  form.head.at[OWNER] = add(&form, owner);
  add(&form, lifeline);
  int r = add_all(&form, cargo);
  if (r == 0) r = send_form(control, &form, cargo);
  bl_fd_close(owner);
  return r;
}

/* ---- the child ---- */

/* Out of the packet's descriptors, of which the parcel's are p->fds. */
static int take(struct bl_parcel *p, const struct bl_parcel_head *head,
                enum own which) {
  int32_t at = head->at[which];
  if (at < 0 || at >= p->n) return BL_FD_NONE;
  int fd = p->fds[at];
  p->fds[at] = BL_FD_NONE;
  return fd;
}

int bl_parcel_read(struct bl_parcel *p, struct bl_packet *packet,
                   const char *bytes, size_t size, int first) {
  struct bl_parcel_head head;
  int own = 0;
  *p = (struct bl_parcel){.owner_fd = BL_FD_NONE,
                          .control = BL_FD_NONE,
                          .bell = BL_FD_NONE,
                          .board = BL_FD_NONE,
                          .packet = packet};
  if (size < sizeof head) return BL_EBADFRAME;
  memcpy(&head, bytes, sizeof head);
  if (head.magic != MAGIC) return BL_EBADFRAME;
  for (int i = 0; i < 3; i++) own += head.at[i] >= 0;
  if (own > packet->n - first) return BL_EBADFRAME;
  p->kind = (enum bl_parcel_kind)head.kind;
  p->owner = head.owner;
  p->slot = head.slot;
  p->generation = head.generation;
  p->fds = packet->fds + first;
  p->n = packet->n - first;
  p->owner_fd = take(p, &head, OWNER);
  p->bell = take(p, &head, BELL);
  p->board = take(p, &head, BOARD);
  p->fds += own;
  p->n -= own;
  p->bytes = bytes + sizeof head;
  p->size = size - sizeof head;
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

int bl_parcel_receive(int control, struct bl_packet *packet,
                      struct bl_parcel *p) {
  int r = await(control, packet);
  if (r < 0) return r;
  r = bl_parcel_read(p, packet, packet->bytes, packet->size, 0);
  p->control = control;
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

static int takes_body(const struct bl_parcel *p) {
  return p->kind == BL_PARCEL_BODY && p->board != BL_FD_NONE;
}

static int move(int *fd) {
  int moved = *fd;
  *fd = BL_FD_NONE;
  return moved;
}

int bl_parcel_place(struct bl_parcel *p, struct bl_slot *slot, int *bell) {
  if (!takes_body(p)) return BL_EBADFRAME;
  int r = bl_slot_adopt(slot, move(&p->board), p->slot, p->generation);
  if (r == 0) *bell = move(&p->bell);
  return r;
}

int bl_parcel_accept(struct bl_parcel *p) {
  if (bl_body_here()) { /* its zygote has placed it */
    bl_body_answer(BL_STEP_NONE, 0);
    return 0;
  }
  if (!takes_body(p)) return BL_EBADFRAME;
  int board = move(&p->board), bell = move(&p->bell);
  int r = bl_body_adopt(board, p->slot, p->generation, bell);
  if (r < 0) return r;
  bl_limit_listen();
  bl_signals_unblock();
  bl_body_answer(BL_STEP_NONE, 0);
  return 0;
}

void bl_parcel_drop(struct bl_parcel *p) {
  p->owner_fd = bl_fd_close(p->owner_fd);
  p->bell = bl_fd_close(p->bell);
  p->board = bl_fd_close(p->board);
  p->control = bl_fd_close(p->control);
  bl_packet_erase(p->packet);
}
