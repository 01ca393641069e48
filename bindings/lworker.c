/* SPDX-License-Identifier: MIT */
#include "bindings/lworker.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/core.h"
#include "bindings/lchild.h"
#include "bindings/lstate.h"
#include "runtime/body.h"
#include "runtime/error.h"
#include "runtime/parcel.h"

enum { NO_WORK = 2 }; /* exit status: nobody tells what to do */

int bl_lworker_control(int argc, char **argv) {
  if (argc != 3 || strcmp(argv[1], "--worker") != 0) return -1;
  char *end;
  long n = strtol(argv[2], &end, 10);
  return *end == '\0' && n == BL_CONTROL_FD ? BL_CONTROL_FD : -1;
}

/* Nobody waits for an answer: whoever started this by hand reads it. */
static _Noreturn void give_up(int error) {
  if (error == BL_EBADFRAME || error == -88 /* ENOTSOCK */)
    fprintf(stderr, "billiard: --worker is for processes that billiard starts\n");
  bl_body_end(NO_WORK);
}

_Noreturn void bl_lworker_run(lua_State *L, int control) {
  struct bl_parcel parcel;
  int r = bl_parcel_receive(control, &parcel);
  if (r < 0) give_up(r);
  /* not below whoever called us */
  bl_body_end(bl_lchild_remote(lua_newthread(L), &parcel));
}

static int child_main(lua_State *L) {
  bl_lworker_run(bl_lstate(L)->L, (int)luaL_checkinteger(L, 1));
}

int bl_child_main(int argc, char **argv) {
  int control = bl_lworker_control(argc, argv);
  if (control < 0) return -1;
  lua_State *L = luaL_newstate();
  if (!L) bl_body_end(NO_WORK);
  luaL_openlibs(L);
  luaL_requiref(L, "billiard.core", luaopen_billiard_core, 0);
  lua_settop(L, 0);
  bl_lworker_run(L, control);
}

void bl_lworker_open(lua_State *L) {
  lua_pushcfunction(L, child_main);
  lua_setfield(L, -2, "child_main");
}
