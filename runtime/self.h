/* SPDX-License-Identifier: MIT */
/* Who this is: the ids of the calling process and thread, for stamping what
 * belongs to them, and its relation to its parent. */
#ifndef BILLIARD_SELF_H
#define BILLIARD_SELF_H

#include <sys/types.h>

#include "runtime/base.h"

pid_t bl_self_pid(void);

/* From here on bl_self_pid() asks the system once in each process, and
 * bl_self_tid() once in each thread: they are called so often that a start
 * would feel it. Holds for processes made by libc's fork(). */
void bl_self_remember(void);

pid_t bl_self_tid(void);

/* A pidfd of this process's parent, if that is still `parent`; BL_ECLOSED
 * when it has ended. The caller closes it. */
int bl_self_parent_fd(pid_t parent);

/* The environment, null-terminated; the process's own. */
char *const *bl_self_environ(void);

/* 16 random bytes for seeding; 0 or -errno. */
int bl_self_seed(int64_t seed[2]);

/* Absolute paths, up to size bytes: of the file that holds the code or data at
 * this address, of the program that this process runs, and of its working
 * directory. 0 or -errno. */
int bl_self_object(const void *address, char *path, size_t size);
int bl_self_program(char *path, size_t size);
int bl_self_directory(char *path, size_t size);

#endif
