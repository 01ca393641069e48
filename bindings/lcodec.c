/* SPDX-License-Identifier: MIT */
#include "bindings/lcodec.h"

#include "bindings/lerror.h"
#include "bindings/lname.h"
#include "bindings/lpack.h"
#include "bindings/lunpack.h"
#include "runtime/error.h"
#include "runtime/pack.h"

/* ---- packing ---- */

struct pack_job {
  enum bl_profile profile;
  const char *root;
  struct bl_lhandles *handles;
  struct bl_buf *out;
};

/* "args[2].socket: userdata" */
static void push_path(lua_State *L, const struct bl_lwriter *w,
                      const char *root) {
  const char *path = w->path.text + w->path.at;
  if (!*root && !*path) root = "value";
  if (!*root && *path == '.') path++;
  lua_pushfstring(L, "%s%s: %s", root, path, w->what);
}

static int raise(struct bl_lwriter *w, const char *root, int error) {
  lua_State *L = w->L;
  if (error != BL_EUNSENDABLE) return luaL_error(L, "not enough memory");
  push_path(L, w, root);  /* path */
  luaL_where(L, 2);       /* of who called the function that called us */
  lua_pushliteral(L, "cannot send ");
  lua_pushvalue(L, -3);
  if (w->why) lua_pushfstring(L, " (%s)", w->why);
  lua_concat(L, w->why ? 4 : 3); /* path message */
  bl_lerror_new(L, bl_error_name(error), lua_tostring(L, -1), NULL);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "path");
  return lua_error(L);
}

/* Arguments: the slots that lwriter.h names, and the job. */
static int protected_pack(lua_State *L) {
  const struct pack_job *job = lua_touserdata(L, BL_LWRITER_VALUE + 1);
  size_t before = bl_buf_length(job->out);
  struct bl_lwriter w;
  int r, again = 0;
  if (job->profile != BL_PROFILE_PLAIN) {
    bl_lname_index(L);
    lua_replace(L, BL_LWRITER_INDEX);
  }
  do {
    bl_buf_cut(job->out, before);
    lua_settop(L, BL_LWRITER_VALUE);
    bl_lwriter_init(&w, L, job->profile, job->out);
    w.handles = job->handles;
    if (w.handles) w.handles->n = 0;
    w.value = bl_lpack;
    w.fresh = again++;
    r = bl_lpack(&w);
  } while (r == BL_LWRITER_AGAIN);
  return r < 0 ? raise(&w, job->root, r) : 0;
}

static int carry_out(lua_State *L, int index, struct pack_job *job) {
  size_t before = bl_buf_length(job->out);
  if (bl_lpack_scalar(L, index, job->out) == 0) return 0;
  index = lua_absindex(L, index);
  lua_pushcfunction(L, protected_pack);
  for (int slot = 1; slot < BL_LWRITER_VALUE; slot++) lua_pushnil(L);
  lua_pushvalue(L, index);
  lua_pushlightuserdata(L, job);
  if (lua_pcall(L, BL_LWRITER_VALUE + 1, 0, 0) == LUA_OK) return 0;
  bl_buf_cut(job->out, before);
  return -1;
}

int bl_lcodec_pack(lua_State *L, int index, enum bl_profile profile,
                   const char *root, struct bl_buf *out) {
  struct pack_job job = {profile, root, NULL, out};
  return carry_out(L, index, &job);
}

int bl_lcodec_head(lua_State *L, int index, struct bl_buf *out) {
  enum { LONG = 1 << 12 };
  if (lua_type(L, index) != LUA_TSTRING) return 0;
  size_t size = lua_rawlen(L, index);
  if (size < LONG || size > UINT32_MAX) return 0;
  if (bl_pack_binary_head(out, size) < 0) luaL_error(L, "not enough memory");
  return 1;
}

int bl_lcodec_give(lua_State *L, int index, const char *root,
                   struct bl_lhandles *handles, struct bl_buf *out) {
  struct pack_job job = {handles->profile, root, handles, out};
  handles->n = 0;
  return carry_out(L, index, &job);
}

/* ---- unpacking ---- */

/* Arguments: the reader, whether anything refers to anything. */
static int protected_unpack(lua_State *L) {
  struct bl_lreader *r = lua_touserdata(L, 1);
  if (r->refs) {
    lua_newtable(L);
    r->refs = lua_gettop(L);
  }
  bl_lunpack(r);
  return 1;
}

static int bad(lua_State *L, int error, const struct bl_inspect_report *why) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s (byte %d)", why->problem, (int)why->offset);
  lua_pushstring(L, bl_error_name(error)); /* nil sentence code */
  return 3;
}

static int unbuilt(lua_State *L, int error) {
  lua_pushnil(L);
  luaL_tolstring(L, -2, NULL);
  lua_pushstring(L, bl_error_name(error)); /* nil sentence code */
  return 3;
}

/* nil, a boolean or a number: for these, everything else takes longer. */
static int push_scalar(lua_State *L, const struct bl_lreceived *m) {
  struct bl_unpack u = {m->bytes, m->bytes + m->size};
  struct bl_unpack_item it;
  if (m->size > 9 || m->n > 0 || bl_unpack_next(&u, &it) < 0 || u.at != u.end)
    return 0;
  return bl_lunpack_scalar(L, &it);
}

int bl_lcodec_take(lua_State *L, const struct bl_lreceived *m,
                   enum bl_profile profile) {
  struct bl_inspect_report report;
  if (push_scalar(L, m)) return 1;
  int r = bl_inspect(m->bytes, m->size, m->n, bl_inspect_limits(profile),
                     &report);
  if (r < 0) return bad(L, r, &report);
  struct bl_lreader reader = {.L = L,
                              .in = {m->bytes, m->bytes + m->size},
                              .profile = profile,
                              .fds = m->fds,
                              .value = bl_lunpack,
                              .error = BL_EBADFRAME,
                              .refs = report.shares};
  lua_pushcfunction(L, protected_unpack);
  lua_pushlightuserdata(L, &reader);
  int status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_OK) return 1;
  return status == LUA_ERRMEM ? -1 : unbuilt(L, reader.error);
}

int bl_lcodec_unpack(lua_State *L, const char *bytes, size_t n,
                     enum bl_profile profile) {
  struct bl_lreceived m = {bytes, n, NULL, 0};
  int results = bl_lcodec_take(L, &m, profile);
  return results < 0 ? lua_error(L) : results;
}

/* ---- for Lua ---- */

/* A buffer that is kept from call to call; one of its own where a __pack calls
 * pack again. */
struct scratch {
  struct bl_buf buf;
  int busy;
};

static const char scratch_key; /* its address is the registry key */
#define SCRATCH "billiard.scratch"
enum { KEPT_MAX = 1 << 20 }; /* a larger one is not kept */

static struct scratch *new_scratch(lua_State *L) {
  struct scratch *s = bl_compat_newuserdata(L, sizeof *s, 0);
  *s = (struct scratch){0};
  luaL_setmetatable(L, SCRATCH);
  return s;
}

/* Pushes it. */
static struct scratch *free_scratch(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &scratch_key);
  struct scratch *s = lua_touserdata(L, -1);
  return s->busy ? new_scratch(L) : s;
}

static int scratch_gc(lua_State *L) {
  struct scratch *s = lua_touserdata(L, 1);
  bl_buf_reset(&s->buf);
  return 0;
}

static const char *const profiles[] = {[BL_PROFILE_DOWN] = "down",
                                       [BL_PROFILE_UP] = "up",
                                       [BL_PROFILE_PLAIN] = "plain",
                                       NULL};

static enum bl_profile check_profile(lua_State *L, int index) {
  return (enum bl_profile)luaL_checkoption(L, index, profiles[BL_PROFILE_UP],
                                           profiles);
}

/* pack(value [, profile]) -> string */
static int pack(lua_State *L) {
  luaL_checkany(L, 1);
  enum bl_profile profile = check_profile(L, 2);
  struct scratch *s = free_scratch(L);
  s->busy = 1;
  int r = bl_lcodec_pack(L, 1, profile, "value", &s->buf);
  s->busy = 0;
  if (r < 0) return lua_error(L);
  lua_pushlstring(L, bl_buf_front(&s->buf), bl_buf_length(&s->buf));
  if (s->buf.size > KEPT_MAX) bl_buf_reset(&s->buf);
  else bl_buf_cut(&s->buf, 0);
  return 1;
}

/* unpack(string [, profile]) -> value | nil, message, code */
static int unpack(lua_State *L) {
  luaL_argexpected(L, lua_type(L, 1) == LUA_TSTRING, 1, "string");
  size_t n;
  const char *bytes = lua_tolstring(L, 1, &n);
  return bl_lcodec_unpack(L, bytes, n, check_profile(L, 2));
}

void bl_lcodec_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"pack", pack}, {"unpack", unpack}, {NULL, NULL}};
  luaL_newmetatable(L, SCRATCH);
  lua_pushcfunction(L, scratch_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  new_scratch(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &scratch_key);
  luaL_setfuncs(L, functions, 0);
}
