/* SPDX-License-Identifier: MIT */
/* Writes MessagePack, the wire format of values (msgpack.org), into a buffer.
 *
 * Every integer, length and count takes its shortest form, a double always
 * nine bytes. Bytes that are UTF-8 are written as str, all others as bin:
 * readers of other languages then see text as text. A value without sharing,
 * functions and objects is MessagePack that any implementation reads.
 *
 * What plain MessagePack cannot say are extensions. Their payloads are values
 * in MessagePack again, as many as make up the payload's length:
 *
 *   1 reference  ordinal                 the value met earlier in this message
 *   2 name       module [field]          a loaded module, or what it holds
 *   3 function   bytecode upvalue...     Lua's own dump, with debug data
 *   4 cell       ordinal index           (an upvalue only) the upvalue `index`
 *                                        of that function: they share it
 *   5 object     name value              what __pack of type `name` returned
 *   6 typed      name array-or-map       a table with the metatable `name`
 *   7 handle     type first n value      an object that is n descriptors of
 *                                        the message, counted from 1, and
 *                                        what else its type needs to know
 *
 * Ordinals count from 1 the arrays, maps, functions, objects and handles of a
 * message in the order in which their first bytes stand in it. Handles have
 * the message's descriptors one after the other, and all of them.
 *
 * All functions return 0 or a negative code: -ENOMEM, and BL_ETOOBIG for what
 * has no form in MessagePack (4 GiB and more). Then nothing was added. */
#ifndef BILLIARD_PACK_H
#define BILLIARD_PACK_H

#include "runtime/buf.h"

enum bl_pack_extension {
  BL_PACK_REFERENCE = 1,
  BL_PACK_NAME,
  BL_PACK_FUNCTION,
  BL_PACK_CELL,
  BL_PACK_OBJECT,
  BL_PACK_TYPED,
  BL_PACK_HANDLE
};

int bl_pack_nil(struct bl_buf *b);
int bl_pack_boolean(struct bl_buf *b, int value);
int bl_pack_integer(struct bl_buf *b, int64_t value);
int bl_pack_float(struct bl_buf *b, double value);
int bl_pack_string(struct bl_buf *b, const char *bytes, size_t n);

/* The header of n bytes that the caller sends behind it, from wherever they
 * are. */
int bl_pack_binary_head(struct bl_buf *b, size_t n);

/* Headers: n values, or n times a key and a value, are to follow. */
int bl_pack_array(struct bl_buf *b, size_t n);
int bl_pack_map(struct bl_buf *b, size_t n);

/* The header of n bytes that follow elsewhere: bin, whatever they are. */
int bl_pack_binary(struct bl_buf *b, size_t n);

/* What is written before its size is known: open, write what it holds, close
 * with the mark that open gave. Between them the buffer is not eaten from. */
int bl_pack_open_map(struct bl_buf *b, size_t *mark);
/* Before pair n, from 1: the header has room for that many. */
int bl_pack_next_pair(struct bl_buf *b, size_t mark, size_t n);
void bl_pack_close_map(struct bl_buf *b, size_t mark, size_t n);
int bl_pack_open_binary(struct bl_buf *b, size_t *mark);
int bl_pack_open_extension(struct bl_buf *b, enum bl_pack_extension type,
                           size_t *mark);
/* For both of these: the length is what was written since. */
int bl_pack_close(struct bl_buf *b, size_t mark);

/* Bytes written by somebody else: the inside of an open binary. */
int bl_pack_raw(struct bl_buf *b, const void *bytes, size_t n);

#endif
