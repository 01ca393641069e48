/* SPDX-License-Identifier: MIT */
#include "runtime/inspect.h"

#include <limits.h>

#include "runtime/pack.h"
#include "runtime/unpack.h"

const struct bl_inspect_limits *
bl_inspect_limits(enum bl_profile profile) {
  static const unsigned up = 1u << BL_PACK_REFERENCE | 1u << BL_PACK_NAME |
                             1u << BL_PACK_OBJECT | 1u << BL_PACK_TYPED |
                             1u << BL_PACK_HANDLE;
  static const unsigned functions = 1u << BL_PACK_FUNCTION |
                                    1u << BL_PACK_CELL;
  static const struct bl_inspect_limits limits[] = {
      [BL_PROFILE_DOWN] = {SIZE_MAX, INT_MAX, INT_MAX, BL_INSPECT_DEPTH_MAX,
                           up | functions},
      [BL_PROFILE_UP] = {SIZE_MAX, INT_MAX, INT_MAX, BL_INSPECT_DEPTH_MAX, up},
      [BL_PROFILE_PLAIN] = {64 << 20, 1000000, 65536, 100, 0},
  };
  return &limits[profile];
}

/* A container that is being walked. */
struct level {
  size_t left;     /* values; of an extension that fills its payload: REST */
  const char *end; /* of the enclosing payload, or of our own */
  enum bl_unpack_kind kind;
  int type; /* of an extension */
};

#define REST SIZE_MAX

struct walk {
  struct bl_unpack u; /* ends where the innermost payload does */
  const struct bl_inspect_limits *limits;
  struct bl_inspect_report *report;
  size_t values, ordinals;
  unsigned depth;
  int descriptors; /* that no handle has had yet, */
  int next;        /* of which this is the first */
  struct level levels[BL_INSPECT_DEPTH_MAX];
};

static int bad(struct walk *w, int error, const char *problem) {
  w->report->problem = problem;
  return error;
}

static int wrong(struct walk *w, const char *problem) {
  return bad(w, BL_EBADFRAME, problem);
}

/* The next item; an extension within an extension's head is none. */
static int item(struct walk *w, struct bl_unpack_item *it) {
  if (++w->values > w->limits->values)
    return bad(w, BL_ETOOBIG, "more values than allowed");
  if (bl_unpack_next(&w->u, it) < 0)
    return wrong(w, "cut short, or no MessagePack");
  return 0;
}

static int enter(struct walk *w, const struct bl_unpack_item *it, size_t left,
                 const char *end) {
  if (w->depth >= w->limits->depth)
    return bad(w, BL_ETOODEEP, "nested deeper than allowed");
  w->levels[w->depth++] = (struct level){left, w->u.end, it->kind, it->type};
  w->u.end = end;
  return 0;
}

/* ---- extensions: what stands at the head of the payload ---- */

static int head_string(struct walk *w) {
  struct bl_unpack_item it;
  int r = item(w, &it);
  if (r < 0) return r;
  return it.kind == BL_UNPACK_STRING ? 0 : wrong(w, "a name was to stand here");
}

static int head_ordinal(struct walk *w) {
  struct bl_unpack_item it;
  int r = item(w, &it);
  if (r < 0) return r;
  if (it.kind != BL_UNPACK_INTEGER || it.integer < 1 ||
      (uint64_t)it.integer > w->ordinals)
    return wrong(w, "a reference to nothing");
  w->report->shares = 1;
  return 0;
}

static int in_function(const struct walk *w) {
  return w->depth >= 2 &&
         w->levels[w->depth - 2].kind == BL_UNPACK_EXTENSION &&
         w->levels[w->depth - 2].type == BL_PACK_FUNCTION;
}

static int head_cell(struct walk *w) {
  if (!in_function(w)) return wrong(w, "a cell outside of a function");
  int r = head_ordinal(w);
  if (r < 0) return r;
  struct bl_unpack_item it;
  r = item(w, &it);
  if (r < 0) return r;
  if (it.kind != BL_UNPACK_INTEGER || it.integer < 1 || it.integer > 255)
    return wrong(w, "no number of an upvalue");
  return 0;
}

static int head_name(struct walk *w) {
  int r = head_string(w);
  return r == 0 && w->u.at < w->u.end ? head_string(w) : r;
}

/* What follows must be an array or a map of its own. */
static int head_typed(struct walk *w) {
  int r = head_string(w);
  if (r < 0 || w->u.at == w->u.end) return r;
  unsigned c = (unsigned char)*w->u.at;
  return (c >= 0x80 && c < 0xa0) || (c >= 0xdc && c < 0xe0)
             ? 0
             : wrong(w, "a typed value is no table");
}

static int head_number(struct walk *w, int64_t *n) {
  struct bl_unpack_item it;
  int r = item(w, &it);
  if (r < 0) return r;
  *n = it.integer;
  return it.kind == BL_UNPACK_INTEGER ? 0
                                      : wrong(w, "a number was to stand here");
}

/* No descriptor can be had twice. */
static int head_handle(struct walk *w) {
  int64_t first, n;
  int r = head_string(w);
  if (r == 0) r = head_number(w, &first);
  if (r == 0) r = head_number(w, &n);
  if (r < 0) return r;
  if (first != w->next || n < 0 || n > w->descriptors)
    return wrong(w, "a handle with descriptors that are not its own");
  w->next += (int)n;
  w->descriptors -= (int)n;
  return 0;
}

static const char no_function[] = "a function, where only data is accepted";
static const char no_object[] =
    "an object, where only plain data is accepted";

/* head reads what it must; then `left` values follow. `refused`: said where
 * the sender may not send it. */
static const struct {
  int (*head)(struct walk *w);
  size_t left;
  int ordinal;
  const char *refused;
} extensions[] = {
    [BL_PACK_REFERENCE] = {head_ordinal, 0, 0,
                           "a value that is there already, where only plain "
                           "data is accepted"},
    [BL_PACK_NAME] = {head_name, 0, 0,
                      "a module or function by its name, where only plain "
                      "data is accepted"},
    [BL_PACK_FUNCTION] = {head_string, REST, 1, no_function},
    [BL_PACK_CELL] = {head_cell, 0, 0, no_function},
    [BL_PACK_OBJECT] = {head_string, 1, 1, no_object},
    [BL_PACK_TYPED] = {head_typed, 1, 0, no_object},
    [BL_PACK_HANDLE] = {head_handle, 1, 1,
                        "an object with descriptors, where only plain data is "
                        "accepted"},
};

static int enter_extension(struct walk *w, const struct bl_unpack_item *it) {
  if (it->type < BL_PACK_REFERENCE || it->type > BL_PACK_HANDLE)
    return wrong(w, "an extension nobody knows");
  if (!(w->limits->extensions >> it->type & 1))
    return wrong(w, extensions[it->type].refused);
  int r = enter(w, it, extensions[it->type].left, w->u.at + it->size);
  if (r < 0) return r;
  w->ordinals += (size_t)extensions[it->type].ordinal;
  return extensions[it->type].head(w);
}

/* ---- the walk ---- */

static int enter_map(struct walk *w, const struct bl_unpack_item *it) {
  if (it->size > w->limits->keys)
    return bad(w, BL_ETOOBIG, "a map with more keys than allowed");
  w->ordinals++;
  return enter(w, it, it->size * 2, w->u.end);
}

static int check_key(struct walk *w, const struct bl_unpack_item *it) {
  if (w->depth == 0) return 0;
  const struct level *in = &w->levels[w->depth - 1];
  if (in->kind != BL_UNPACK_MAP || in->left % 2 == 0) return 0;
  if (it->kind == BL_UNPACK_NIL) return wrong(w, "nil as a key");
  if (it->kind == BL_UNPACK_FLOAT && it->number != it->number)
    return wrong(w, "NaN as a key");
  return 0;
}

static int value(struct walk *w) {
  struct bl_unpack_item it = {0};
  int r = item(w, &it);
  if (r < 0) return r;
  /* counted off first: the keys of a map are the odd ones that are left */
  if (w->depth > 0 && w->levels[w->depth - 1].left != REST)
    w->levels[w->depth - 1].left--;
  r = check_key(w, &it);
  if (r < 0) return r;
  switch (it.kind) {
    case BL_UNPACK_ARRAY:
      w->ordinals++;
      return enter(w, &it, it.size, w->u.end);
    case BL_UNPACK_MAP: return enter_map(w, &it);
    case BL_UNPACK_EXTENSION: return enter_extension(w, &it);
    default: return 0;
  }
}

static int done(const struct walk *w, const struct level *level) {
  return level->left == 0 || (level->left == REST && w->u.at == w->u.end);
}

/* Out of every container that has come to its end. */
static int leave(struct walk *w) {
  while (w->depth > 0 && done(w, &w->levels[w->depth - 1])) {
    const struct level *level = &w->levels[--w->depth];
    if (level->kind == BL_UNPACK_EXTENSION && w->u.at != w->u.end)
      return wrong(w, "an extension longer than what it holds");
    w->u.end = level->end;
  }
  return 0;
}

static int walk(struct walk *w) {
  do {
    int r = value(w);
    if (r == 0) r = leave(w);
    if (r < 0) return r;
  } while (w->depth > 0);
  if (w->u.at != w->u.end) return wrong(w, "bytes behind the value");
  return w->descriptors == 0 ? 0 : wrong(w, "descriptors that no handle has");
}

int bl_inspect(const char *bytes, size_t n, int descriptors,
               const struct bl_inspect_limits *limits,
               struct bl_inspect_report *report) {
  struct walk w; /* its levels are written before they are read */
  w.u = (struct bl_unpack){bytes, bytes + n};
  w.limits = limits;
  w.report = report;
  w.values = w.ordinals = w.depth = 0;
  w.descriptors = descriptors;
  w.next = 1;
  *report = (struct bl_inspect_report){0};
  if (n > limits->bytes) return bad(&w, BL_ETOOBIG, "larger than allowed");
  int r = walk(&w);
  report->offset = (size_t)(w.u.at - bytes);
  return r;
}
