/* SPDX-License-Identifier: MIT */
/* What the kernel alone takes, in the very process that is measured: a Lua
 * module of bare system calls. Times are seconds for one round. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <linux/futex.h>
#include <lua.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int push_since(lua_State *L, int64_t start) {
  lua_pushnumber(L, (lua_Number)(now_ns() - start) / 1e9);
  return 1;
}

static void sleep_ns(long ns) {
  struct timespec t = {0, ns};
  nanosleep(&t, NULL);
}

static pid_t check_pid(lua_State *L, pid_t pid) {
  if (pid < 0) luaL_error(L, "fork: %s", strerror(errno));
  return pid;
}

/* fork, _exit, waitpid */
static int floor_fork(lua_State *L) {
  int64_t start = now_ns();
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  check_pid(L, pid);
  waitpid(pid, NULL, 0);
  return push_since(L, start);
}

/* posix_spawn and waitpid of a program */
static int floor_spawn(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  char *argv[] = {(char *)(uintptr_t)name, NULL};
  int64_t start = now_ns();
  pid_t pid;
  int r = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
  if (r != 0) return luaL_error(L, "posix_spawn: %s", strerror(r));
  waitpid(pid, NULL, 0);
  return push_since(L, start);
}

/* A child that does nothing until it is dropped: its pid. */
static int floor_hold(lua_State *L) {
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  lua_pushinteger(L, check_pid(L, pid));
  return 1;
}

static int floor_drop(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  return 0;
}

/* A child writes the time and dies at once; how long until waitpid knows */
static int floor_death(lua_State *L) {
  int ends[2];
  if (pipe(ends) < 0) return luaL_error(L, "pipe: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    sleep_ns(2000000); /* until the parent waits */
    int64_t dies = now_ns();
    _exit(write(ends[1], &dies, sizeof dies) < 0);
  }
  check_pid(L, pid);
  waitpid(pid, NULL, 0);
  int64_t seen = now_ns(), died = seen;
  ssize_t n = read(ends[0], &died, sizeof died);
  close(ends[0]);
  close(ends[1]);
  if (n != (ssize_t)sizeof died) return luaL_error(L, "death: no report");
  lua_pushnumber(L, (lua_Number)(seen - died) / 1e9);
  return 1;
}

/* Reads a file of /proc without touching the heap, whose pages a child would
 * then keep for itself. */
static void slurp(lua_State *L, pid_t pid, const char *name, char *to,
                  size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);
  if (fd >= 0) close(fd);
  if (n < 0) luaL_error(L, "%s: %s", path, strerror(errno));
  to[n] = '\0';
}

static long kib_after(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

/* Private memory of a child, in KiB, once it sleeps. */
static int floor_private(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  char text[4096];
  do {
    sleep_ns(20000000);
    slurp(L, pid, "stat", text, sizeof text);
  } while (!strstr(text, ") S "));
  slurp(L, pid, "smaps_rollup", text, sizeof text);
  lua_pushinteger(L, kib_after(text, "Private_Clean:") +
                         kib_after(text, "Private_Dirty:"));
  return 1;
}

/* n MiB of written memory, until the process ends. */
static int floor_dirty(lua_State *L) {
  size_t size = (size_t)luaL_checkinteger(L, 1) << 20;
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (p == MAP_FAILED) return luaL_error(L, "mmap: %s", strerror(errno));
  memset(p, 1, size);
  lua_pushlightuserdata(L, p);
  return 1;
}

static int floor_clean(lua_State *L) {
  munmap(lua_touserdata(L, 1), (size_t)luaL_checkinteger(L, 2) << 20);
  return 0;
}

/* Allows as many descriptors as may be; how many. */
static int floor_descriptors(lua_State *L) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return luaL_error(L, "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  lua_pushinteger(L, (lua_Integer)limit.rlim_cur);
  return 1;
}

/* A descriptor to wait for, readable or not. */
static int floor_event(lua_State *L) {
  int fd = eventfd(lua_toboolean(L, 1) != 0, EFD_CLOEXEC);
  if (fd < 0) return luaL_error(L, "eventfd: %s", strerror(errno));
  lua_pushinteger(L, fd);
  return 1;
}

/* An epoll set of a list of descriptors. */
static int floor_epoll(lua_State *L) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    struct epoll_event e = {.events = EPOLLIN};
    e.data.fd = (int)lua_tointeger(L, -1);
    if (epoll_ctl(set, EPOLL_CTL_ADD, e.data.fd, &e) < 0)
      return luaL_error(L, "epoll_ctl: %s", strerror(errno));
    lua_pop(L, 1);
  }
  lua_pushinteger(L, set);
  return 1;
}

/* epoll_wait on it */
static int floor_epoll_wait(lua_State *L) {
  struct epoll_event e[16];
  int set = (int)lua_tointeger(L, 1);
  int64_t start = now_ns();
  if (epoll_wait(set, e, 16, -1) != 1) return luaL_error(L, "epoll_wait");
  return push_since(L, start);
}

/* Waits until the word is n, and makes it n + 1 for the other side. */
static void pass_word(_Atomic uint32_t *word, uint32_t n) {
  for (uint32_t seen; (seen = *word) != n;)
    syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
  *word = n + 1;
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* n times to a child and back by a word both sleep on: seconds for one way */
static int floor_futex(lua_State *L) {
  uint32_t n = (uint32_t)luaL_checkinteger(L, 1);
  _Atomic uint32_t *word = mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (word == MAP_FAILED) return luaL_error(L, "mmap: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    for (uint32_t i = 0; i <= n; i++) pass_word(word, 2 * i + 1);
    _exit(0);
  }
  check_pid(L, pid);
  pass_word(word, 0); /* the child is there when its answer is */
  pass_word(word, 2);
  int64_t start = now_ns();
  for (uint32_t i = 2; i <= n; i++) pass_word(word, 2 * i);
  int64_t took = now_ns() - start;
  waitpid(pid, NULL, 0);
  munmap(word, sizeof *word);
  lua_pushnumber(L, (lua_Number)took / 1e9 / (2 * (n - 1)));
  return 1;
}

static int floor_close(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

/* ---- two processes and a socketpair ---- */

enum { SMALL = 32 };

/* Runs a child on the other end; ours. */
static int with_child(lua_State *L, int type, pid_t *pid,
                      void (*run)(int sock, size_t n), size_t n) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0)
    return luaL_error(L, "socketpair: %s", strerror(errno));
  *pid = fork();
  if (*pid == 0) {
    close(ends[0]);
    run(ends[1], n);
    _exit(0);
  }
  close(ends[1]);
  check_pid(L, *pid);
  return ends[0];
}

static int end_child(lua_State *L, int sock, pid_t pid, size_t missing) {
  close(sock);
  waitpid(pid, NULL, 0);
  return missing > 0
             ? luaL_error(L, "socketpair: %d are missing", (int)missing)
             : 0;
}

/* Reads all of n bytes; how many are missing. */
static size_t read_all(int sock, char *to, size_t n) {
  ssize_t r = 1;
  while (n > 0 && (r = read(sock, to, n)) > 0) {
    to += r;
    n -= (size_t)r;
  }
  return n;
}

static size_t write_all(int sock, const char *from, size_t n) {
  ssize_t r = 1;
  while (n > 0 && (r = write(sock, from, n)) > 0) {
    from += r;
    n -= (size_t)r;
  }
  return n;
}

static void echo(int sock, size_t n) {
  char bytes[SMALL];
  while (n-- > 0 && read_all(sock, bytes, SMALL) == 0)
    write_all(sock, bytes, SMALL);
}

/* pingpong(n): there and back, the mean of n */
static int floor_pingpong(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 1), left = n;
  char bytes[SMALL] = {0};
  pid_t pid;
  int sock = with_child(L, SOCK_STREAM, &pid, echo, n);
  int64_t start = now_ns();
  while (left > 0 && write_all(sock, bytes, SMALL) == 0 &&
         read_all(sock, bytes, SMALL) == 0)
    left--;
  int64_t taken = now_ns() - start;
  end_child(L, sock, pid, left);
  lua_pushnumber(L, (lua_Number)taken / 1e9 / (lua_Number)n);
  return 1;
}

static void send_small(int sock, size_t n) {
  char bytes[SMALL] = {0};
  while (n-- > 0) write_all(sock, bytes, SMALL);
}

/* oneway(n): small messages, each by itself, the mean of n */
static int floor_oneway(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 1), left = n;
  char bytes[SMALL];
  pid_t pid;
  int sock = with_child(L, SOCK_SEQPACKET, &pid, send_small, n);
  int64_t start = now_ns();
  while (left > 0 && read(sock, bytes, SMALL) == SMALL) left--;
  int64_t taken = now_ns() - start;
  end_child(L, sock, pid, left);
  lua_pushnumber(L, (lua_Number)taken / 1e9 / (lua_Number)n);
  return 1;
}

/* Has the bytes written before it is asked for them. */
static void send_bulk(int sock, size_t size) {
  char go, *bytes = malloc(size);
  if (!bytes) return;
  memset(bytes, 7, size);
  write_all(sock, bytes, 1);
  if (read(sock, &go, 1) == 1) write_all(sock, bytes, size);
}

/* bulk(n): n MiB, which the reader stores in fresh memory */
static int floor_bulk(lua_State *L) {
  size_t size = (size_t)luaL_checkinteger(L, 1) << 20;
  char ready;
  pid_t pid;
  int sock = with_child(L, SOCK_STREAM, &pid, send_bulk, size);
  size_t missing = read_all(sock, &ready, 1);
  int64_t start = now_ns();
  char *to = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (to == MAP_FAILED) return luaL_error(L, "mmap: %s", strerror(errno));
  missing += write_all(sock, "", 1) + read_all(sock, to, size);
  int64_t taken = now_ns() - start;
  munmap(to, size);
  end_child(L, sock, pid, missing);
  lua_pushnumber(L, (lua_Number)taken / 1e9);
  return 1;
}

/* use(n): uses n MiB once, in huge pages, and gives them back. A hypervisor may
 * find its machine the memory only then, which takes a hundred times as long as
 * what is to be measured. */
static int floor_use(lua_State *L) {
  size_t size = (size_t)luaL_checkinteger(L, 1) << 20;
  char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return luaL_error(L, "mmap: %s", strerror(errno));
  madvise(at, size, MADV_HUGEPAGE);
  for (size_t i = 0; i < size; i += 4096) at[i] = 1;
  munmap(at, size);
  return 0;
}

static int floor_machine(lua_State *L) {
  struct utsname u;
  uname(&u);
  lua_pushfstring(L, "%s %s %s, %d cpus", u.sysname, u.release, u.machine,
                  (int)sysconf(_SC_NPROCESSORS_ONLN));
  return 1;
}

__attribute__((visibility("default"))) int luaopen_floor(lua_State *L);

int luaopen_floor(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"fork", floor_fork},         {"spawn", floor_spawn},
      {"hold", floor_hold},         {"drop", floor_drop},
      {"death", floor_death},       {"private", floor_private},
      {"dirty", floor_dirty},       {"clean", floor_clean},
      {"event", floor_event},       {"epoll", floor_epoll},
      {"close", floor_close},       {"epoll_wait", floor_epoll_wait},
      {"machine", floor_machine},   {"descriptors", floor_descriptors},
      {"pingpong", floor_pingpong}, {"oneway", floor_oneway},
      {"bulk", floor_bulk},         {"use", floor_use},
      {"futex", floor_futex},
      {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
