/* SPDX-License-Identifier: MIT */
/* Producers and consumers are killed at random, for some seconds or until there
 * were BILLIARD_KILLS, and a ledger is kept of what was put and what was got.
 * Beside them work two that are never killed: for these a wait that ends by
 * its time is a wake-up that was lost. BILLIARD_SEED repeats a run, as far as
 * the scheduler does. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "spec/native/onequeue.h"

enum {
  WORKERS = 6,     /* half of them put, half of them get */
  MESSAGES = 2048, /* that one producer puts, if it lives so long */
  BOUND = 3,
  SMALL = 1500,
  LARGE = 150000
};

struct message {
  uint32_t life, number;
  char rest[LARGE];
};

/* Of one producer. */
struct life {
  _Atomic uint32_t put; /* how many puts have returned */
  _Atomic uint8_t got[MESSAGES + 1];
};

struct ledger {
  _Atomic uint64_t wrong, late;
  struct life lives[];
};

static struct ledger *ledger;
static uint32_t lives, max_lives, seed;

static uint32_t dice(uint32_t n) {
  seed = seed * UINT32_C(1664525) + UINT32_C(1013904223);
  return (seed >> 8) % n;
}

static void nap(void) {
  struct timespec t = {0, (long)dice(200000)};
  if (dice(4) == 0) nanosleep(&t, NULL);
}

/* ---- at work ---- */

static size_t size_of(uint32_t number) {
  size_t rest = number % 400 == 7 ? LARGE : number * 37 % SMALL;
  return offsetof(struct message, rest) + rest;
}

static void produce(uint32_t life) {
  static struct message m;
  for (m.life = life; m.number < MESSAGES; m.number++) {
    size_t size = size_of(m.number);
    memset(m.rest, (int)(m.number & 0x7f), sizeof m.rest);
    int r = put_bytes(&m, size, CHECK_DEADLINE);
    if (r == BL_ETIMEOUT) ledger->late++;
    if (r < 0) _exit(0);
    ledger->lives[life].put = m.number + 1;
    nap();
  }
}

static int is_whole(const struct message *m, size_t size) {
  if (m->life >= max_lives || m->number >= MESSAGES) return 0;
  if (size != size_of(m->number)) return 0;
  for (size_t i = 0; i < size - offsetof(struct message, rest); i++)
    if (m->rest[i] != (char)(m->number & 0x7f)) return 0;
  return 1;
}

static int take(int64_t deadline_ns) {
  bl_buf_cut(&got, 0);
  int r = bl_queue_get(q, &got, deadline_ns);
  if (r < 0) return r;
  const struct message *m = (const void *)bl_buf_front(&got);
  if (!is_whole(m, bl_buf_length(&got))) ledger->wrong++;
  else ledger->lives[m->life].got[m->number]++;
  return bl_queue_done(q, CHECK_DEADLINE);
}

static void consume(void) {
  int r;
  while ((r = take(CHECK_DEADLINE)) == 0) nap();
  if (r == BL_ETIMEOUT) ledger->late++;
}

static pid_t start(int puts) {
  uint32_t life = puts ? lives++ : 0, luck = dice(1u << 20);
  pid_t pid = fork();
  if (pid != 0) return pid;
  seed = luck;
  if (puts) produce(life);
  else consume();
  _exit(0);
}

/* ---- the killer ---- */

static void end(pid_t pid) {
  if (dice(8) == 0) {
    kill(pid, SIGSTOP);
    nap();
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

/* How many consumers were killed. */
static uint32_t rage(uint32_t kills, int64_t until_ns) {
  pid_t workers[WORKERS];
  uint32_t killed = 0;
  for (int i = 0; i < WORKERS; i++) workers[i] = start(i % 2);
  for (uint32_t i = 0; i < kills && bl_now_ns() < until_ns; i++) {
    uint32_t victim = dice(WORKERS);
    nap();
    end(workers[victim]);
    killed += victim % 2 == 0;
    workers[victim] = start(victim % 2);
  }
  for (int i = 0; i < WORKERS; i++) end(workers[i]);
  return killed + WORKERS / 2;
}

/* ---- the ledger ---- */

static int open_ledger(uint32_t kills) {
  max_lives = kills + WORKERS + 1;
  size_t size = sizeof *ledger + max_lives * sizeof(struct life);
  ledger = mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  lives = 0;
  return CHECK(ledger != MAP_FAILED);
}

static void close_ledger(void) {
  munmap(ledger, sizeof *ledger + max_lives * sizeof(struct life));
}

/* Every message whose put has returned was got once, or held by a consumer
   that was killed; one whose put has not may have been; no other was. */
static void balance(uint32_t killed) {
  uint64_t total = 0, doubled = 0, unborn = 0, missing = 0;
  for (uint32_t l = 0; l < lives; l++)
    for (uint32_t n = 0; n <= MESSAGES; n++) {
      unsigned times = ledger->lives[l].got[n], put = ledger->lives[l].put;
      total += times;
      doubled += times > 1;
      missing += n < put && times == 0;
      unborn += n > put && times > 0;
    }
  printf("# %llu messages, %llu missing, %u consumers killed\n",
         (unsigned long long)total, (unsigned long long)missing,
         (unsigned)killed);
  CHECK_INT(ledger->wrong, 0);
  CHECK_INT(ledger->late, 0);
  CHECK_INT(doubled, 0);
  CHECK_INT(unborn, 0);
  if (missing > killed) CHECK_INT(missing, killed);
}

static uint32_t number_of(const char *name, uint32_t otherwise) {
  const char *text = getenv(name);
  return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static void survives(uint64_t maxsize) {
  uint32_t kills = number_of("BILLIARD_KILLS", 0);
  int64_t until_ns = BL_FOREVER;
  if (kills == 0) until_ns = bl_deadline_ns(2 * BL_SECOND_NS);
  if (kills == 0) kills = 10000;
  seed = number_of("BILLIARD_SEED", (uint32_t)bl_now_ns());
  printf("# seed %u\n", (unsigned)seed);
  NEED(open_ledger(kills) && open_queue(maxsize, 1));
  pid_t producer = start(1), consumer = start(0);
  uint32_t killed = rage(kills, until_ns);
  waitpid(producer, NULL, 0); /* puts all that it has */
  CHECK_INT(bl_queue_shutdown(q, CHECK_DEADLINE), 0);
  waitpid(consumer, NULL, 0); /* gets all that is left */
  CHECK_INT(bl_queue_size(q), 0);
  balance(killed);
  close_queue();
  close_ledger();
}

static void survives_unbounded(void) { survives(0); }
static void survives_bounded(void) { survives(BOUND); }

CHECK_MAIN({"killing its users at random loses and doubles nothing",
            survives_unbounded},
           {"nor does it where they wait for room", survives_bounded})
