/* SPDX-License-Identifier: MIT */
/* Functions on the wire: by name where a loaded module holds them, else (only
 * downward) as Lua's own dump with the upvalues. Upvalues that functions of
 * one message share are shared again. An upvalue named _ENV becomes the
 * receiver's globals. */
#ifndef BILLIARD_LFUNCTION_H
#define BILLIARD_LFUNCTION_H

#include "bindings/lreader.h"
#include "bindings/lwriter.h"

/* Writes the function on top; returns as bl_lpack() does. */
int bl_lfunction_pack(struct bl_lwriter *w);

/* Pushes the function whose payload ends at `end`; raises. */
void bl_lfunction_unpack(struct bl_lreader *r, const char *end);

#endif
