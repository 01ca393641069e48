/* SPDX-License-Identifier: MIT */
#include "runtime/board.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/futex.h"
#include "runtime/lock.h"
#include "runtime/region.h"

enum {
  SLOTS = 64,       /* on one board; one bit each in `taken` */
  GATE_SPINS = 200, /* about 1 us: the gate is open by then, mostly */
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
  _Atomic uint64_t size_plus_1[BL_TEXTS];
};

struct shared {
  struct gate gates[SLOTS];
  char texts[SLOTS][BL_TEXTS][BL_TEXT_MAX];
};

/* Behind it, in the same file: a region for each text that does not fit. */
#define REGION ((size_t)64 << 30)
#define REGIONS_AT ((size_t)2 << 20)
#define FILE_SIZE (REGIONS_AT + SLOTS * BL_TEXTS * REGION)

_Static_assert(sizeof(struct gate) == 64, "a gate is one cache line");
_Static_assert(sizeof(struct shared) <= REGIONS_AT, "texts before regions");

struct bl_board {
  struct shared *shared;
  struct bl_shm memory; /* maps `shared`; fd BL_FD_NONE: short texts only */
  struct bl_fd_id id;   /* of its fd */
  uint64_t taken;
  struct bl_board *next;
};

static struct bl_board *boards; /* bl_lock */
static struct bl_board adopted; /* another process's */
static struct bl_board *inherited; /* of a forked child: its parent's */
static uint32_t generation;     /* bl_lock */

/* A forked child makes boards of its own; its parent's stay mapped, since its
 * own slot is on one of them. */
static void forget(void) {
  inherited = boards;
  boards = NULL;
}

/* ---- memory ---- */

/* Of the memfd the gates alone are mapped and reserved so far. */
static int map_texts(struct bl_board *b) {
  void *at = mremap(b->memory.at, b->memory.size, sizeof *b->shared,
                    MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return -errno;
  b->memory.at = b->shared = at;
  b->memory.size = sizeof *b->shared;
  return bl_fd_identify(b->memory.fd, &b->id);
}

/* Where there can be no file: what a start needs, and short texts. */
static int map_without_file(struct bl_board *b) {
  void *at = mmap(NULL, sizeof *b->shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return -errno;
  b->shared = at;
  b->memory = (struct bl_shm){at, sizeof *b->shared, BL_FD_NONE};
  return 0;
}

static int make_memory(struct bl_board *b) {
  b->memory.fd = BL_FD_NONE;
  int r = bl_shm_new(&b->memory, "billiard-board", FILE_SIZE,
                     sizeof b->shared->gates);
  if (r == -EMFILE || r == -ENFILE || r == -ENOMEM) return r;
  return r < 0 ? map_without_file(b) : map_texts(b);
}

static size_t region_of(const struct bl_slot *slot, enum bl_text kind) {
  return REGIONS_AT + (slot->index * BL_TEXTS + kind) * REGION;
}

/* 0 when the board's descriptor is what it was: a host may have closed it,
 * and the number may be another file's. */
static int check_file(const struct bl_board *b) {
  if (b->memory.fd == BL_FD_NONE) return -EFBIG;
  return bl_fd_verify(b->memory.fd, &b->id);
}

/* ---- which board ---- */

static void board_free(struct bl_board *b) {
  b->memory.fd = bl_fd_close_own(b->memory.fd, &b->id);
  bl_shm_drop(&b->memory);
  free(b);
}

static int board_new(struct bl_board **out) {
  struct bl_board *b = calloc(1, sizeof *b);
  if (!b) return -ENOMEM;
  int r = make_memory(b);
  if (r < 0) {
    bl_shm_drop(&b->memory); /* what it is is not known yet */
    free(b);
    return r;
  }
  b->next = boards;
  boards = *out = b;
  return 0;
}

static int board_with_room(struct bl_board **out) {
  struct bl_board *b = boards;
  while (b && b->taken == UINT64_MAX) b = b->next;
  *out = b;
  return b ? 0 : board_new(out);
}

/* Takes b off the list if it and another one are empty: one is kept, so that
 * no crowd leaves more than that behind. */
static int is_surplus(struct bl_board *b) {
  int empty = 0;
  if (b->taken) return 0;
  for (struct bl_board *o = boards; o; o = o->next) empty += o->taken == 0;
  if (empty < 2) return 0;
  struct bl_board **at = &boards;
  while (*at != b) at = &(*at)->next;
  *at = b->next;
  return 1;
}

static struct gate *gate_of(const struct bl_slot *slot) {
  return &slot->board->shared->gates[slot->index];
}

void bl_board_leave(void) {
  for (struct bl_board *b = inherited; b; b = b->next)
    b->memory.fd = bl_fd_close_own(b->memory.fd, &b->id);
}

/* ---- slots ---- */

int bl_slot_take(struct bl_slot *slot) {
  struct bl_board *b;
  bl_lock_at_fork(forget);
  bl_lock();
  int r = board_with_room(&b);
  if (r == 0) {
    unsigned index = (unsigned)__builtin_ctzll(~b->taken);
    b->taken |= UINT64_C(1) << index;
    generation += STATES;
    *slot = (struct bl_slot){b, index, generation + CLOSED};
  }
  bl_unlock();
  if (r < 0) return r;
  struct gate *g = gate_of(slot);
  atomic_store(&g->answer, NONE);
  for (int kind = 0; kind < BL_TEXTS; kind++)
    atomic_store(&g->size_plus_1[kind], 0);
  atomic_store(&g->word, slot->closed);
  return 0;
}

void bl_slot_give(struct bl_slot *slot) {
  struct bl_board *b = slot->board;
  slot->board = NULL;
  if (!b || b == &adopted) return; /* its owner gives it */
  /* also what was told by halves */
  if (check_file(b) == 0)
    bl_shm_release(&b->memory, region_of(slot, 0), BL_TEXTS * REGION);
  bl_lock();
  b->taken &= ~(UINT64_C(1) << slot->index);
  int surplus = is_surplus(b);
  bl_unlock();
  if (surplus) board_free(b);
}

int bl_slot_share(const struct bl_slot *slot, int *fd, unsigned *index,
                  uint32_t *generation_of) {
  int r = check_file(slot->board);
  if (r < 0) return r;
  *fd = slot->board->memory.fd;
  *index = slot->index;
  *generation_of = slot->closed;
  return 0;
}

/* Is it still the child's own? */
static int check_generation(const struct bl_slot *slot) {
  uint32_t now = atomic_load(&gate_of(slot)->word);
  return now - slot->closed < STATES ? 0 : BL_ECLOSED;
}

static void adopted_drop(void) {
  bl_shm_drop(&adopted.memory);
  adopted.shared = NULL;
}

/* Does not map again what is mapped. */
static int adopt(int fd) {
  if (adopted.shared && bl_fd_verify(fd, &adopted.id) == 0) {
    bl_fd_close(fd);
    return 0;
  }
  if (adopted.shared) adopted_drop();
  int r = bl_shm_adopt_sparse(&adopted.memory, fd, FILE_SIZE,
                              sizeof *adopted.shared,
                              sizeof adopted.shared->gates);
  if (r < 0) return r;
  adopted.shared = adopted.memory.at;
  return bl_fd_identify(fd, &adopted.id);
}

int bl_slot_adopt(struct bl_slot *slot, int fd, unsigned index,
                  uint32_t generation_of) {
  int r = adopt(fd);
  if (r < 0) return r;
  *slot = (struct bl_slot){&adopted, index, generation_of};
  r = index < SLOTS ? check_generation(slot) : BL_EBADFRAME;
  if (r < 0) {
    adopted_drop();
    slot->board = NULL;
  }
  return r;
}

/* ---- the gate ---- */

static void gate_set(const struct bl_slot *slot, uint32_t state) {
  struct gate *g = gate_of(slot);
  uint32_t before = atomic_exchange(&g->word, slot->closed + state);
  if (before == slot->closed + SLEEPING) bl_futex_wake(&g->word);
}

void bl_gate_open(const struct bl_slot *slot, uint64_t signals) {
  atomic_store(&gate_of(slot)->signals, signals);
  gate_set(slot, OPEN);
}

void bl_gate_refuse(const struct bl_slot *slot) { gate_set(slot, REFUSED); }

/* The word when it is neither closed nor slept at, else 0. */
static uint32_t gate_said(_Atomic uint32_t *word, uint32_t closed) {
  uint32_t now = atomic_load_explicit(word, memory_order_acquire);
  return now == closed || now == closed + SLEEPING ? 0 : now;
}

int bl_gate_look(const struct bl_slot *slot, int64_t slice_ns,
                 uint64_t *signals) {
  _Atomic uint32_t *word = &gate_of(slot)->word;
  uint32_t now = 0, closed = slot->closed;
  for (int i = 0; i < GATE_SPINS && !now; i++)
    now = gate_said(word, slot->closed);
  if (!now && slice_ns > 0) {
    atomic_compare_exchange_strong(word, &closed, slot->closed + SLEEPING);
    bl_futex_sleep(word, slot->closed + SLEEPING, slice_ns);
    now = gate_said(word, slot->closed);
  }
  if (!now) return 0;
  *signals = atomic_load(&gate_of(slot)->signals);
  /* else refused, or another child's by now */
  return now == slot->closed + OPEN ? 1 : BL_ECLOSED;
}

int bl_gate_wait(const struct bl_slot *slot, pid_t parent,
                 uint64_t *signals) {
  int r;
  while ((r = bl_gate_look(slot, BL_GATE_SLICE_NS, signals)) == 0)
    /* 0: the parent is outside our pid namespace */
    if (getppid() != parent && getppid() != 0) return BL_ECLOSED;
  return r < 0 ? r : 0;
}

/* ---- the answer ---- */

void bl_slot_tell_answer(const struct bl_slot *slot, enum bl_step step,
                         int error) {
  struct gate *g = gate_of(slot);
  atomic_store(&g->error, error);
  atomic_store(&g->step, (int)step);
  if (atomic_exchange(&g->answer, GIVEN) == AWAITED) bl_futex_wake(&g->answer);
}

int bl_slot_answer(const struct bl_slot *slot, int64_t slice_ns,
                   enum bl_step *step, int *error) {
  struct gate *g = gate_of(slot);
  uint32_t none = NONE;
  if (slice_ns > 0) {
    atomic_compare_exchange_strong(&g->answer, &none, AWAITED);
    if (none != GIVEN) bl_futex_sleep(&g->answer, AWAITED, slice_ns);
  }
  if (atomic_load(&g->answer) != GIVEN) return 0;
  *error = atomic_load(&g->error);
  *step = (enum bl_step)atomic_load(&g->step);
  return 1;
}

/* ---- texts ---- */

static char *short_text(const struct bl_slot *slot, enum bl_text kind) {
  return slot->board->shared->texts[slot->index][kind];
}

static int write_short(const struct bl_slot *slot, enum bl_text kind,
                       const char *text, size_t size) {
  const struct bl_board *b = slot->board;
  char *to = short_text(slot, kind);
  if (size == 0) return 0; /* touches nothing */
  /* else a lack of memory would be a signal, and not an error */
  int r = check_file(b);
  if (r == 0)
    r = bl_shm_reserve(&b->memory, (size_t)(to - (char *)b->shared), size);
  if (r == -ENOMEM || r == -ENOSPC) return r;
  memcpy(to, text, size);
  return 0;
}

static int write_long(const struct bl_slot *slot, enum bl_text kind,
                      const char *text, size_t size) {
  if (size > REGION) return BL_ETOOBIG;
  int r = check_file(slot->board);
  if (r < 0) return r;
  return bl_region_write(&slot->board->memory, region_of(slot, kind), text,
                         size);
}

int bl_slot_tell(const struct bl_slot *slot, enum bl_text kind,
                 const char *text, size_t size) {
  _Atomic uint64_t *size_plus_1 = &gate_of(slot)->size_plus_1[kind];
  int r = check_generation(slot);
  if (r < 0 || atomic_load(size_plus_1)) return r;
  r = size > BL_TEXT_MAX ? write_long(slot, kind, text, size)
                         : write_short(slot, kind, text, size);
  if (r == 0) atomic_store(size_plus_1, size + 1);
  return r;
}

static int read_short(const struct bl_slot *slot, enum bl_text kind,
                      char **text, size_t size) {
  char *copy = malloc(size + 1);
  if (!copy) return -ENOMEM;
  memcpy(copy, short_text(slot, kind), size);
  *text = copy;
  return 0;
}

static int read_long(const struct bl_slot *slot, enum bl_text kind,
                     char **text, size_t size) {
  const struct bl_shm *m = &slot->board->memory;
  if (size > REGION) return BL_EBADFRAME;
  int r = check_file(slot->board);
  if (r < 0) return r;
  r = bl_region_read(m, region_of(slot, kind), size, text);
  if (r == 0) bl_shm_release(m, region_of(slot, kind), REGION);
  return r;
}

int bl_slot_text(const struct bl_slot *slot, enum bl_text kind, char **text,
                 size_t *size) {
  uint64_t size_plus_1 = atomic_load(&gate_of(slot)->size_plus_1[kind]);
  if (size_plus_1 == 0) return -ENOENT;
  *size = (size_t)(size_plus_1 - 1);
  return *size > BL_TEXT_MAX ? read_long(slot, kind, text, *size)
                             : read_short(slot, kind, text, *size);
}
