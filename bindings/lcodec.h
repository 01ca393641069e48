/* SPDX-License-Identifier: MIT */
/* Values and their bytes: what every stem that sends values goes through, and
 * billiard.pack and billiard.unpack. */
#ifndef BILLIARD_LCODEC_H
#define BILLIARD_LCODEC_H

#include "bindings/compat.h"
#include "bindings/lhandle.h"
#include "runtime/buf.h"
#include "runtime/inspect.h"

/* Appends the value at index to out, which may be anybody's memory: nothing
 * passes through. 0; or -1, the error value to raise is pushed, and out holds
 * what it held before. What cannot travel is a billiard.Error, "unsendable",
 * with a path that begins with root ("args"; "" where the value is the table
 * of all names). To be called by a C function that Lua called: its caller's
 * position is in the message. */
int bl_lcodec_pack(lua_State *L, int index, enum bl_profile profile,
                   const char *root, struct bl_buf *out);

/* The same for what carries handles too: adds their descriptors to *handles,
 * which stay the objects'. */
struct bl_lcodec_out {
  struct bl_buf *bytes;
  struct bl_lhandles *handles; /* null: none can come along */
};
int bl_lcodec_pack_message(lua_State *L, int index, enum bl_profile profile,
                           const char *root, const struct bl_lcodec_out *out);

/* Pushes the value that the n bytes are and returns 1; or pushes nil, message,
 * code and returns 3. Raises for lack of memory only, after which, too, the
 * bytes are the caller's. */
int bl_lcodec_unpack(lua_State *L, const char *bytes, size_t n,
                     enum bl_profile profile);

/* The same for what came with descriptors: the value's objects take theirs,
 * the others are closed, whatever happens; all are BL_FD_NONE afterwards. For
 * lack of memory returns -1 with the error to raise pushed, so that the caller
 * can let go of the bytes first. */
struct bl_lcodec_in {
  const char *bytes;
  size_t size;
  int *fds;
  int n;
};
int bl_lcodec_unpack_message(lua_State *L, const struct bl_lcodec_in *in,
                             enum bl_profile profile);

/* Adds pack and unpack to the table on top. */
void bl_lcodec_open(lua_State *L);

#endif
