/* SPDX-License-Identifier: MIT */
#include "runtime/error.h"

#include <ctype.h>
#include <string.h>

struct entry {
  int code;
  const char *name;
  const char *text;
};

static const struct entry own[] = {
#define BL_ERROR_ENTRY(constant, number, name, text) {-(number), name, text},
    BL_ERRORS(BL_ERROR_ENTRY)
#undef BL_ERROR_ENTRY
};

static const struct entry *find(int error) {
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    if (own[i].code == error) return &own[i];
  return NULL;
}

const char *bl_error_name(int error) {
  const struct entry *e = find(error);
  if (e) return e->name;
  const char *name = strerrorname_np(-error);
  return name ? name : "EUNKNOWN";
}

const char *bl_error_text(int error) {
  static _Thread_local char text[128];
  const struct entry *e = find(error);
  if (e) return e->text;
  const char *system = strerrordesc_np(-error);
  strncpy(text, system ? system : "unknown error", sizeof text - 1);
  /* "Input/output error", but not "RPC ..." */
  if (islower((unsigned char)text[1]))
    text[0] = (char)tolower((unsigned char)text[0]);
  return text;
}
