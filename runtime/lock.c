/* SPDX-License-Identifier: MIT */
#include "runtime/lock.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void (*cleanups[8])(void);

void bl_lock(void) { pthread_mutex_lock(&lock); }
void bl_unlock(void) { pthread_mutex_unlock(&lock); }

static void in_child(void) {
  for (size_t i = 0; i < sizeof cleanups / sizeof cleanups[0]; i++)
    if (cleanups[i]) cleanups[i]();
  /* Held by the thread that forked, which is this one; set and not unlocked,
     which would touch pages a child mostly has no other need of. */
  lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

/* Lazily: a library that is loaded and not used leaves nothing behind. */
static void install(void) { pthread_atfork(bl_lock, bl_unlock, in_child); }

void bl_lock_at_fork(void (*cleanup)(void)) {
  pthread_once(&once, install);
  bl_lock();
  size_t i = 0;
  while (cleanups[i] && cleanups[i] != cleanup) i++;
  assert(i < sizeof cleanups / sizeof cleanups[0]);
  cleanups[i] = cleanup;
  bl_unlock();
}
