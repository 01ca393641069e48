/* SPDX-License-Identifier: MIT */
#include "bindings/lwriter.h"

#include <string.h>

void bl_lwriter_init(struct bl_lwriter *w, lua_State *L,
                     enum bl_profile profile, struct bl_buf *out) {
  w->L = L;
  w->out = out;
  w->profile = profile;
  w->handles = NULL;
  w->depth = w->ordinals = 0;
  w->fresh = 0;
  w->what = w->why = NULL;
  bl_lpath_init(&w->path);
  bl_lseen_init(&w->seen, BL_LWRITER_SEEN);
}

int bl_lwriter_refuse(struct bl_lwriter *w, const char *what) {
  w->what = what;
  return BL_EUNSENDABLE;
}

int bl_lwriter_enter(struct bl_lwriter *w) {
  if (w->depth >= bl_inspect_limits(w->profile)->depth ||
      !lua_checkstack(w->L, 24))
    return bl_lwriter_refuse(w, w->profile == BL_PROFILE_PLAIN
                                    ? "nested too deep, or a cycle"
                                    : "nested too deep");
  w->depth++;
  return 0;
}

void bl_lwriter_leave(struct bl_lwriter *w) { w->depth--; }

int bl_lwriter_open(struct bl_lwriter *w, enum bl_pack_extension type,
                    size_t *mark) {
  int r = bl_lwriter_enter(w);
  return r < 0 ? r : bl_pack_open_extension(w->out, type, mark);
}

int bl_lwriter_close(struct bl_lwriter *w, size_t mark) {
  bl_lwriter_leave(w);
  int r = bl_pack_close(w->out, mark);
  return r == BL_ETOOBIG ? bl_lwriter_refuse(w, "4 GiB or more") : r;
}

struct bl_lseen_entry *bl_lwriter_number(struct bl_lwriter *w,
                                         const void *key) {
  struct bl_lseen_entry *e = bl_lseen_add(w->L, &w->seen, key);
  e->ordinal = ++w->ordinals;
  return e;
}

int bl_lwriter_reference(struct bl_lwriter *w,
                         const struct bl_lseen_entry *e) {
  size_t mark;
  if (e->open) return bl_lwriter_refuse(w, "a cycle through its own __pack");
  int r = bl_lwriter_open(w, BL_PACK_REFERENCE, &mark);
  if (r == 0) r = bl_pack_integer(w->out, e->ordinal);
  return r < 0 ? r : bl_lwriter_close(w, mark);
}

int bl_lwriter_name(struct bl_lwriter *w, const char *module,
                    const char *field) {
  size_t mark;
  int r = bl_lwriter_open(w, BL_PACK_NAME, &mark);
  if (r == 0) r = bl_pack_string(w->out, module, strlen(module));
  if (r == 0 && field) r = bl_pack_string(w->out, field, strlen(field));
  return r < 0 ? r : bl_lwriter_close(w, mark);
}
