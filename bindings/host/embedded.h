/* SPDX-License-Identifier: MIT */
/* The Lua half of the library inside the host: a list that build/embedded.c
 * (written by tools/embed.sh) fills and that ends with a null name. */
#ifndef BILLIARD_HOST_EMBEDDED_H
#define BILLIARD_HOST_EMBEDDED_H

#include <stddef.h>

struct bl_embedded {
  const char *name;          /* as require sees it: "billiard.policy" */
  const unsigned char *text; /* the source, not null-terminated */
  size_t size;
};

extern const struct bl_embedded bl_embedded[];

#endif
