/* SPDX-License-Identifier: MIT */
#include "runtime/board.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/lock.h"

enum {
  SLOTS = 64,         /* on one board; one bit each in `taken` */
  GATE_SPINS = 200,   /* about 1 us: the gate is open by then, mostly */
  GATE_SLICE_MS = 50, /* how often a sleeper looks for its parent */
  /* the gate's word is generation + one of these */
  CLOSED = 0,
  SLEEPING,
  OPEN,
  REFUSED,
  STATES
};

/* the answer's word */
enum { NONE = 0, AWAITED, GIVEN };

/* One cache line, so that no child's gate disturbs another's. */
struct gate {
  _Alignas(64) _Atomic uint32_t word;
  _Atomic uint32_t answer;
  _Atomic int32_t error;
  _Atomic int32_t step;
  _Atomic uint64_t signals;
  _Atomic uint32_t size_plus_1[BL_TEXTS];
};

struct shared {
  struct gate gates[SLOTS];
  char texts[SLOTS][BL_TEXTS][BL_TEXT_MAX];
};

struct bl_board {
  struct shared *shared;
  uint64_t taken;
  struct bl_board *next;
};

static struct bl_board *boards; /* bl_lock */
static uint32_t generation;     /* bl_lock */

/* A forked child makes boards of its own; its parent's stay mapped, since its
 * own slot is on one of them. */
static void forget(void) { boards = NULL; }

static struct bl_board *board_new(void) {
  struct bl_board *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->shared = mmap(NULL, sizeof *b->shared, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b->shared == MAP_FAILED) {
    free(b);
    return NULL;
  }
  b->next = boards;
  boards = b;
  return b;
}

static struct bl_board *board_with_room(void) {
  struct bl_board *b = boards;
  while (b && b->taken == UINT64_MAX) b = b->next;
  return b ? b : board_new();
}

static struct gate *gate_of(const struct bl_slot *slot) {
  return &slot->board->shared->gates[slot->index];
}

int bl_slot_take(struct bl_slot *slot) {
  bl_lock_at_fork(forget);
  bl_lock();
  struct bl_board *b = board_with_room();
  if (b) {
    unsigned index = (unsigned)__builtin_ctzll(~b->taken);
    b->taken |= UINT64_C(1) << index;
    generation += STATES;
    *slot = (struct bl_slot){b, index, generation + CLOSED};
  }
  bl_unlock();
  if (!b) return -ENOMEM;
  struct gate *g = gate_of(slot);
  atomic_store(&g->answer, NONE);
  for (int kind = 0; kind < BL_TEXTS; kind++)
    atomic_store(&g->size_plus_1[kind], 0);
  atomic_store(&g->word, slot->closed);
  return 0;
}

void bl_slot_give(struct bl_slot *slot) {
  if (!slot->board) return;
  bl_lock();
  slot->board->taken &= ~(UINT64_C(1) << slot->index);
  bl_unlock();
  slot->board = NULL;
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen, int64_t ns) {
  struct timespec t = {ns / BL_SECOND_NS, ns % BL_SECOND_NS};
  syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void gate_set(const struct bl_slot *slot, uint32_t state) {
  struct gate *g = gate_of(slot);
  uint32_t before = atomic_exchange(&g->word, slot->closed + state);
  if (before == slot->closed + SLEEPING) futex_wake(&g->word);
}

void bl_gate_open(const struct bl_slot *slot, uint64_t signals) {
  atomic_store(&gate_of(slot)->signals, signals);
  gate_set(slot, OPEN);
}

void bl_gate_refuse(const struct bl_slot *slot) { gate_set(slot, REFUSED); }

/* The word when it is neither closed nor slept at, else 0 after a look. */
static uint32_t gate_look(_Atomic uint32_t *word, uint32_t closed) {
  uint32_t now = atomic_load_explicit(word, memory_order_acquire);
  return now == closed || now == closed + SLEEPING ? 0 : now;
}

int bl_gate_wait(const struct bl_slot *slot, pid_t parent,
                 uint64_t *signals) {
  _Atomic uint32_t *word = &gate_of(slot)->word;
  uint32_t now = 0;
  for (int i = 0; i < GATE_SPINS && !now; i++)
    now = gate_look(word, slot->closed);
  while (!now) {
    uint32_t closed = slot->closed;
    atomic_compare_exchange_strong(word, &closed, slot->closed + SLEEPING);
    futex_wait(word, slot->closed + SLEEPING,
               GATE_SLICE_MS * BL_MILLISECOND_NS);
    now = gate_look(word, slot->closed);
    /* 0: the parent is outside our pid namespace */
    if (!now && getppid() != parent && getppid() != 0) return BL_ECLOSED;
  }
  *signals = atomic_load(&gate_of(slot)->signals);
  return now == slot->closed + REFUSED ? BL_ECLOSED : 0;
}

void bl_slot_tell_answer(const struct bl_slot *slot, enum bl_step step,
                         int error) {
  struct gate *g = gate_of(slot);
  atomic_store(&g->error, error);
  atomic_store(&g->step, (int)step);
  if (atomic_exchange(&g->answer, GIVEN) == AWAITED) futex_wake(&g->answer);
}

int bl_slot_answer(const struct bl_slot *slot, int64_t slice_ns,
                   enum bl_step *step, int *error) {
  struct gate *g = gate_of(slot);
  uint32_t none = NONE;
  if (slice_ns > 0) {
    atomic_compare_exchange_strong(&g->answer, &none, AWAITED);
    if (none != GIVEN) futex_wait(&g->answer, AWAITED, slice_ns);
  }
  if (atomic_load(&g->answer) != GIVEN) return 0;
  *error = atomic_load(&g->error);
  *step = (enum bl_step)atomic_load(&g->step);
  return 1;
}

void bl_slot_tell(const struct bl_slot *slot, enum bl_text kind,
                  const char *text, size_t size) {
  struct gate *g = gate_of(slot);
  if (size > BL_TEXT_MAX) size = BL_TEXT_MAX;
  if (atomic_load(&g->size_plus_1[kind])) return;
  memcpy(slot->board->shared->texts[slot->index][kind], text, size);
  atomic_store(&g->size_plus_1[kind], (uint32_t)size + 1);
}

ssize_t bl_slot_text_size(const struct bl_slot *slot, enum bl_text kind) {
  uint32_t size_plus_1 = atomic_load(&gate_of(slot)->size_plus_1[kind]);
  if (size_plus_1 == 0) return -ENOENT;
  return size_plus_1 - 1 > BL_TEXT_MAX ? BL_TEXT_MAX : size_plus_1 - 1;
}

void bl_slot_text(const struct bl_slot *slot, enum bl_text kind, char *to,
                  size_t size) {
  memcpy(to, slot->board->shared->texts[slot->index][kind], size);
}
