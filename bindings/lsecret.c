/* SPDX-License-Identifier: MIT */
#include "bindings/lsecret.h"

#include <string.h>

#include "bindings/lerror.h"
#include "bindings/lhandle.h"
#include "runtime/base.h"
#include "runtime/error.h"
#include "runtime/secret.h"

#define SECRET "billiard.AuthenticationString"

enum { SUB_MAX = 8 }; /* enough to recognise a key, not to use it */

struct lsecret {
  struct bl_secret *secret;
};

static struct lsecret *new(lua_State *L) {
  struct lsecret *s = bl_compat_newuserdata(L, sizeof *s, 0);
  s->secret = NULL;
  luaL_setmetatable(L, SECRET);
  return s;
}

static struct bl_secret *check(lua_State *L, int index) {
  struct lsecret *s = luaL_checkudata(L, index, SECRET);
  return s->secret;
}

static void must(lua_State *L, int r) {
  if (r < 0)
    luaL_error(L, "AuthenticationString: %s", bl_error_text(r));
}

void bl_lsecret_random(lua_State *L, size_t n) {
  struct lsecret *s = new(L);
  must(L, bl_secret_random(n, &s->secret));
}

static void from_string(lua_State *L, int index) {
  size_t size;
  const char *bytes = lua_tolstring(L, index, &size);
  if (size < 1 || size > BL_SECRET_MAX)
    luaL_error(L, "AuthenticationString: needs 1 to %d bytes, got %d",
               BL_SECRET_MAX, (int)size);
  struct lsecret *s = new(L);
  must(L, bl_secret_new(bytes, size, &s->secret));
}

void bl_lsecret_coerce(lua_State *L) {
  if (luaL_testudata(L, -1, SECRET)) return;
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "authkey must be an AuthenticationString or a string of "
                  "bytes, got %s", luaL_typename(L, -1));
  from_string(L, -1);
  lua_remove(L, -2);
}

static const void *bytes_of(lua_State *L, int index, size_t *n) {
  struct bl_secret *s = check(L, index);
  *n = bl_secret_size(s);
  return bl_secret_bytes(s);
}

/* AuthenticationString(bytes): called with the class and the string. */
static int secret_call(lua_State *L) {
  luaL_argexpected(L, lua_type(L, 2) == LUA_TSTRING, 2, "string");
  from_string(L, 2);
  return 1;
}

static int secret_random(lua_State *L) {
  lua_Integer n = luaL_optinteger(L, 1, 32);
  luaL_argcheck(L, n >= 1 && n <= BL_SECRET_MAX, 1, "1 to 65536 bytes");
  bl_lsecret_random(L, (size_t)n);
  return 1;
}

static int secret_read(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct lsecret *s = new(L);
  int r = bl_secret_read(path, &s->secret);
  if (r == 0) return 1;
  const char *code = bl_error_name(r), *why = bl_error_text(r);
  if (strcmp(code, "EPERM") == 0)
    why = "others may read it: chmod 600, and own it";
  if (strcmp(code, "EINVAL") == 0) why = "not a file of 1 to 65536 bytes";
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path, why);
  lua_pushstring(L, code);
  return 3;
}

static int secret_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)bl_secret_size(check(L, 1)));
  return 1;
}

/* Positions as string.sub has them. */
static lua_Integer position(lua_Integer i, lua_Integer size) {
  return i >= 0 ? i : size + i + 1 < 0 ? 0 : size + i + 1;
}

static int secret_sub(lua_State *L) {
  struct bl_secret *s = check(L, 1);
  lua_Integer size = (lua_Integer)bl_secret_size(s);
  lua_Integer i = position(luaL_checkinteger(L, 2), size);
  lua_Integer j = position(luaL_optinteger(L, 3, -1), size);
  if (i < 1) i = 1;
  if (j > size) j = size;
  if (j - i + 1 > SUB_MAX)
    return luaL_error(L, "AuthenticationString: sub gives at most %d bytes",
                      SUB_MAX);
  const char *bytes = (const char *)bl_secret_bytes(s);
  if (i > j) lua_pushliteral(L, "");
  else lua_pushlstring(L, bytes + i - 1, (size_t)(j - i + 1));
  return 1;
}

static int secret_equals(lua_State *L) {
  size_t size;
  struct bl_secret *s = check(L, 1);
  luaL_argexpected(L, lua_type(L, 2) == LUA_TSTRING, 2, "string");
  const char *bytes = lua_tolstring(L, 2, &size);
  lua_pushboolean(L, bl_secret_equals(s, bytes, size));
  return 1;
}

static int secret_eq(lua_State *L) {
  struct lsecret *a = luaL_testudata(L, 1, SECRET);
  struct lsecret *b = luaL_testudata(L, 2, SECRET);
  lua_pushboolean(L, a && b && a->secret && b->secret &&
                         bl_secret_equals(a->secret,
                                          bl_secret_bytes(b->secret),
                                          bl_secret_size(b->secret)));
  return 1;
}

static int secret_tostring(lua_State *L) {
  static const char hex[] = "0123456789abcdef";
  struct bl_secret *s = check(L, 1);
  uint32_t print = bl_secret_fingerprint(s);
  char text[9] = {0};
  for (int i = 0; i < 8; i++) text[i] = hex[print >> (28 - 4 * i) & 15];
  lua_pushfstring(L, "<AuthenticationString(%d bytes, fingerprint %s)>",
                  (int)bl_secret_size(s), text);
  return 1;
}

static int secret_gc(lua_State *L) {
  struct lsecret *s = luaL_checkudata(L, 1, SECRET);
  s->secret = bl_secret_free(s->secret);
  return 0;
}

/* ---- into a child ---- */

static int give(struct bl_lwriter *w, int *fds) {
  size_t n, mark;
  (void)fds;
  const void *bytes = bytes_of(w->L, -1, &n);
  bl_buf_conceal(w->out);
  int r = bl_pack_open_binary(w->out, &mark);
  if (r == 0) r = bl_pack_raw(w->out, bytes, n);
  return r == 0 ? bl_pack_close(w->out, mark) : r;
}

static void take(struct bl_lreader *r, int *fds) {
  struct bl_unpack_item it;
  (void)fds;
  bl_lreader_next(r, &it);
  if (it.kind != BL_UNPACK_STRING || it.size < 1 || it.size > BL_SECRET_MAX)
    luaL_error(r->L, "an AuthenticationString without bytes");
  struct lsecret *s = new(r->L);
  int error = bl_secret_new(it.bytes, it.size, &s->secret);
  if (error < 0) r->error = error;
  must(r->L, error);
}

static const struct bl_lhandle_type type = {SECRET, 0, 1, give, take};

static void new_class(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"random", secret_random}, {"read", secret_read}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, secret_call);
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
}

void bl_lsecret_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"sub", secret_sub}, {"equals", secret_equals}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__len", secret_len},           {"__eq", secret_eq},
      {"__tostring", secret_tostring}, {"__gc", secret_gc},
      {NULL, NULL}};
  luaL_newmetatable(L, SECRET);
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, SECRET);
  lua_setfield(L, -2, "__metatable"); /* its __gc is not for calling */
  bl_lhandle_add(L, &type);
  lua_pop(L, 1);
  new_class(L);
  lua_setfield(L, -2, "AuthenticationString");
}
