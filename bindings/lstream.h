/* SPDX-License-Identifier: MIT */
/* billiard.Stream: the parent's end of a child's stdin, stdout or stderr. */
#ifndef BILLIARD_LSTREAM_H
#define BILLIARD_LSTREAM_H

#include "bindings/compat.h"

/* Pushes a closed Stream; gives the one at index an fd, which it takes. */
void bl_lstream_new(lua_State *L);
void bl_lstream_give(lua_State *L, int index, int fd);

/* Closes the Stream at index; does nothing to anything else. */
void bl_lstream_close(lua_State *L, int index);

/* The descriptor of the open Stream at index; negative for anything else. */
int bl_lstream_fd(lua_State *L, int index);

void bl_lstream_open(lua_State *L);

#endif
