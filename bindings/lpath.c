/* SPDX-License-Identifier: MIT */
#include "bindings/lpath.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void bl_lpath_init(struct bl_lpath *p) {
  p->full = 0;
  p->at = sizeof p->text - 1;
  p->text[p->at] = '\0';
}

void bl_lpath_text(struct bl_lpath *p, const char *text, size_t n) {
  static const char dots[] = "...";
  const size_t mark = sizeof dots - 1;
  if (p->full) return;
  if (n + mark > p->at) {
    p->full = 1;
    text = dots, n = mark;
  }
  p->at -= n;
  memcpy(p->text + p->at, text, n);
}

static int is_word(const char *s, size_t n) {
  if (n == 0 || n > 40 || isdigit((unsigned char)s[0])) return 0;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)s[i]) && s[i] != '_') return 0;
  return 1;
}

static int quoted(char *to, size_t size, const char *s, size_t n) {
  char clean[41];
  size_t kept = n < sizeof clean ? n : sizeof clean - 1;
  for (size_t i = 0; i < kept; i++)
    clean[i] = isprint((unsigned char)s[i]) && s[i] != '"' ? s[i] : '?';
  clean[kept] = '\0';
  return snprintf(to, size, "[\"%s%s\"]", clean, kept < n ? "..." : "");
}

void bl_lpath_number(struct bl_lpath *p, lua_Integer i) {
  char text[32];
  int n = snprintf(text, sizeof text, "[%lld]", (long long)i);
  bl_lpath_text(p, text, (size_t)n);
}

void bl_lpath_key(struct bl_lpath *p, lua_State *L, int index) {
  char text[64];
  int n, type = lua_type(L, index);
  size_t size = 0;
  if (lua_isinteger(L, index)) {
    bl_lpath_number(p, lua_tointeger(L, index));
    return;
  }
  const char *s = type == LUA_TSTRING ? lua_tolstring(L, index, &size) : "";
  if (is_word(s, size)) n = snprintf(text, sizeof text, ".%s", s);
  else if (type == LUA_TSTRING) n = quoted(text, sizeof text, s, size);
  else n = snprintf(text, sizeof text, "[%s]", lua_typename(L, type));
  bl_lpath_text(p, text, (size_t)n);
}
