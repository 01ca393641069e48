/* SPDX-License-Identifier: MIT */
#include "bindings/lshared.h"

#include "runtime/base.h"
#include "runtime/error.h"

int bl_lshared_give(struct bl_lwriter *w, const struct bl_lclass *class,
                    int fd, int *fds) {
  if (fd == BL_FD_NONE)
    return bl_lwriter_refuse(
        w, lua_pushfstring(w->L, "a closed %s", class->name));
  fds[0] = fd;
  return bl_pack_nil(w->out);
}

static void next(struct bl_lreader *r, struct bl_unpack_item *it,
                 enum bl_unpack_kind kind) {
  bl_lreader_next(r, it);
  if (it->kind != kind) luaL_error(r->L, "a handle with a wrong value");
}

void bl_lshared_nothing(struct bl_lreader *r) {
  struct bl_unpack_item it;
  next(r, &it, BL_UNPACK_NIL);
}

int64_t bl_lshared_integer(struct bl_lreader *r) {
  struct bl_unpack_item it;
  next(r, &it, BL_UNPACK_INTEGER);
  return it.integer;
}

int bl_lshared_bad(struct bl_lreader *r, const struct bl_lclass *class) {
  return luaL_error(r->L, "memory that holds no %s", class->name);
}

void bl_lshared_take(struct bl_lreader *r, const struct bl_lclass *class,
                     int *fds, struct bl_shm *memory, size_t least) {
  int error = bl_shm_take(memory, fds[0]);
  fds[0] = BL_FD_NONE;
  if (error < 0) {
    r->error = error;
    luaL_error(r->L, "%s: %s", class->name, bl_error_text(error));
  }
  if (memory->size >= least) return;
  bl_shm_drop(memory);
  bl_lshared_bad(r, class);
}
