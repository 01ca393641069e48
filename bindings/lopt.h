/* SPDX-License-Identifier: MIT */
/* Arguments: options tables read by a static table of what is allowed, and
 * the forms that come back everywhere. All raise with the caller's position,
 * the parameter's name, and what would be right. */
#ifndef BILLIARD_LOPT_H
#define BILLIARD_LOPT_H

#include <stdint.h>

#include "bindings/compat.h"

enum bl_lopt_type {
  BL_LOPT_ANY = 0,
  BL_LOPT_FUNCTION, /* or anything with __call */
  BL_LOPT_TABLE,
  BL_LOPT_STRING,  /* without null bytes */
  BL_LOPT_BOOLEAN,
  BL_LOPT_INTEGER, /* min..max */
  BL_LOPT_SECONDS  /* a number >= 0, not NaN */
};

struct bl_lopt {
  const char *key; /* null ends the table */
  enum bl_lopt_type type;
  lua_Integer min, max;
  /* further look at the value on top of the stack; may raise by bl_lopt_bad */
  void (*check)(lua_State *L, const char *owner, const char *key);
};

/* Checks every key and value of the table at index. owner is "Process". */
void bl_lopt_check(lua_State *L, int index, const char *owner,
                   const struct bl_lopt *known);

/* Raises "Process: option 'nice' must be an integer, got string"; of a number
 * the value. It is on top of the stack. */
int bl_lopt_bad(lua_State *L, const char *owner, const char *key,
                const char *wanted);

/* The same for argument arg, "Queue: maxsize must be an integer, got string",
 * of constructors: the library knows them by names that users do not. */
int bl_lopt_wrong(lua_State *L, int arg, const char *owner, const char *name,
                  const char *wanted);

/* Argument arg as an integer, min..max. */
lua_Integer bl_lopt_integer(lua_State *L, int arg, const char *owner,
                            const char *name, lua_Integer min,
                            lua_Integer max);

/* Argument arg as seconds from now; nil or none: BL_FOREVER. */
int64_t bl_lopt_deadline(lua_State *L, int arg);

/* Argument arg as a length of time in ns; nil or none: otherwise. */
int64_t bl_lopt_duration(lua_State *L, int arg, int64_t otherwise_ns);

/* Pushes the seconds left until the deadline, nothing for BL_FOREVER; how
 * many values. */
int bl_lopt_push_left(lua_State *L, int64_t deadline_ns);

/* Number at index (checked before) as ns. */
int64_t bl_lopt_ns(lua_State *L, int index);

#endif
