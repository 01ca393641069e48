/* SPDX-License-Identifier: MIT */
/* Values and their bytes: what every stem that sends values goes through, and
 * billiard.pack and billiard.unpack. */
#ifndef BILLIARD_LCODEC_H
#define BILLIARD_LCODEC_H

#include "bindings/lwriter.h"

/* Appends the value at index to out, which may be anybody's memory: nothing
 * passes through. 0; or -1, the error value to raise is pushed, and out holds
 * what it held before. What cannot travel is a billiard.Error, "unsendable",
 * with a path that begins with root ("args"; "" where the value is the table
 * of all names). To be called by a C function that Lua called: its caller's
 * position is in the message. */
int bl_lcodec_pack(lua_State *L, int index, enum bl_profile profile,
                   const char *root, struct bl_buf *out);

/* Appends the head of the value at index alone, and returns 1, where that is a
 * string too long to be copied: it follows as it lies. 0 for other values, and
 * nothing was appended. Raises for lack of memory. */
int bl_lcodec_head(lua_State *L, int index, struct bl_buf *out);

/* The same as pack for what carries descriptors too. The handles of the message are
 * added to `handles`, emptied first; their objects must live until it was
 * sent. With `starting`, out may hold secrets: see bl_buf_conceal(). */
int bl_lcodec_give(lua_State *L, int index, const char *root,
                   struct bl_lhandles *handles, struct bl_buf *out);

/* Pushes the value that the n bytes are and returns 1; or pushes nil, message,
 * code and returns 3. Raises for lack of memory only, after which, too, the
 * bytes are the caller's. */
int bl_lcodec_unpack(lua_State *L, const char *bytes, size_t n,
                     enum bl_profile profile);

/* The same for a message that came with descriptors; but for lack of memory
 * it returns -1 and pushes the error value, so that nothing passes through.
 * Descriptors that objects have taken are BL_FD_NONE afterwards: the rest is
 * the caller's to close, whatever is returned. */
struct bl_lreceived {
  const char *bytes;
  size_t size;
  int *fds;
  int n; /* of them */
};
int bl_lcodec_take(lua_State *L, const struct bl_lreceived *m,
                   enum bl_profile profile);

/* Adds pack and unpack to the table on top. */
void bl_lcodec_open(lua_State *L);

#endif
