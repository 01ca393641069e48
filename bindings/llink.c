/* SPDX-License-Identifier: MIT */
#include "bindings/llink.h"

#include "bindings/lclass.h"
#include "bindings/lerror.h"
#include "bindings/lhandle.h"
#include "bindings/lshared.h"
#include "bindings/lshed.h"
#include "runtime/error.h"

struct llink {
  const struct bl_lclass *class;
  struct bl_lshed shed;
  enum bl_llink_end end;
  struct bl_link link; /* channel null: closed */
};

static const struct bl_lclass class = {"Link", "billiard.Link",
                                       sizeof(struct llink)};

static struct llink *new_link(lua_State *L, enum bl_llink_end end) {
  struct llink *l = bl_lclass_new(L, &class, 0);
  l->end = end;
  l->link.desk.fd = BL_FD_NONE;
  return l;
}

static void drop(struct llink *l) {
  bl_lshed_remove(&l->shed);
  bl_link_drop(&l->link);
}

static void shed(struct bl_lshed *self) {
  drop((struct llink *)((char *)self - offsetof(struct llink, shed)));
}

struct bl_link *bl_llink_check(lua_State *L, int index, enum bl_llink_end end,
                               const char *what) {
  static const char *const whose[] = {[BL_LLINK_OWNER] = "owner",
                                      [BL_LLINK_WORKER] = "worker"};
  struct llink *l = bl_lclass_check(L, index, &class);
  if (l->end != end)
    luaL_error(L, "%s: needs the %s's end of a link", what, whose[end]);
  if (!l->link.channel) luaL_error(L, "%s: Link is closed", what);
  return &l->link;
}

void bl_llink_close(lua_State *L, int index) {
  drop(bl_lclass_check(L, index, &class));
}

static int link_close(lua_State *L) {
  bl_llink_close(L, 1);
  return 0;
}

/* pool_link() -> the owner's end, the worker's end */
static int pool_link(lua_State *L) {
  struct llink *owner = new_link(L, BL_LLINK_OWNER);
  struct llink *worker = new_link(L, BL_LLINK_WORKER);
  int r = bl_link_pair(&owner->link, &worker->link);
  if (r < 0) return bl_lerror_return(L, r, "pool_link");
  owner->shed.drop = shed;
  bl_lshed_add(L, &owner->shed);
  return 2;
}

/* ---- as descriptors ---- */

static int give(struct bl_lwriter *w, int *fds) {
  const struct llink *l = lua_touserdata(w->L, -1);
  if (l->end == BL_LLINK_OWNER)
    return bl_lwriter_refuse(w, "the owner's end of a link");
  if (!l->link.channel) return bl_lwriter_refuse(w, "a closed Link");
  bl_link_fds(&l->link, fds);
  return bl_pack_nil(w->out);
}

static void take(struct bl_lreader *r, int *fds) {
  bl_lshared_nothing(r);
  struct llink *l = new_link(r->L, BL_LLINK_WORKER);
  int error = bl_link_adopt(fds, &l->link);
  for (int i = 0; i < BL_LINK_FDS; i++) fds[i] = BL_FD_NONE;
  if (error < 0) luaL_error(r->L, "Link: %s", bl_error_text(error));
}

void bl_llink_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", link_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", link_close}, {"__close", link_close}, {NULL, NULL}};
  static const struct bl_lhandle_type handle = {"billiard.Link", BL_LINK_FDS,
                                                1, give, take};
  bl_lclass_open(L, &class, methods, metamethods, &handle);
  lua_pushcfunction(L, pool_link);
  lua_setfield(L, -2, "pool_link");
}
