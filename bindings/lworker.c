/* SPDX-License-Identifier: MIT */
#include "bindings/lworker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/lchild.h"
#include "bindings/lcodec.h"
#include "bindings/linterrupt.h"
#include "bindings/lstate.h"
#include "runtime/base.h"
#include "runtime/body.h"
#include "runtime/brood.h"
#include "runtime/heap.h"
#include "runtime/parcel.h"
#include "runtime/signame.h"

enum { NO_WORK = 2 }; /* exit status: nobody tells what to do */

int bl_lworker_control(int argc, char **argv) {
  if (argc != 3 || strcmp(argv[1], "--worker") != 0) return -1;
  char *end;
  long n = strtol(argv[2], &end, 10);
  return *end == '\0' && n == BL_CONTROL_FD ? BL_CONTROL_FD : -1;
}

/* No parcel, and why. */
static _Noreturn void give_up(int error) {
  if (error == BL_ETERMINATED) bl_body_end(-bl_signal_number("TERM"));
  if (error != BL_ECLOSED) /* started by hand? */
    fprintf(stderr, "billiard: --worker is for processes that billiard starts\n");
  bl_body_end(NO_WORK);
}

/* ---- a zygote ---- */

static int run_forked(void *L, struct bl_parcel *parcel) {
  return bl_lchild_remote(L, parcel);
}

/* Argument: the parcel, whose cargo says what to load. */
static int preload(lua_State *L) {
  const struct bl_parcel *parcel = lua_touserdata(L, 1);
  if (bl_lcodec_unpack(L, parcel->bytes, parcel->size, BL_PROFILE_DOWN) != 1)
    return luaL_error(L, "%s", lua_tostring(L, -2));
  bl_lchild_package(L, lua_gettop(L));
  bl_lstate(L)->loading = 1;
  bl_lchild_half(L, "preload");
  bl_lstate(L)->loading = 0;
  /* once, and not in each child; nothing here asks for interrupts */
  bl_linterrupt_track(L, bl_linterrupt_prepare(L));
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

static void serve(lua_State *L, int control, struct bl_parcel *parcel) {
  struct bl_brood_work work = {run_forked, bl_lchild_leave, NULL};
  size_t size;
  lua_pushcfunction(L, preload);
  lua_pushlightuserdata(L, parcel);
  int status = lua_pcall(L, 1, 0, 0);
  bl_parcel_drop(parcel);
  if (status == LUA_OK) {
    bl_heap_fill();
    work.arg = lua_newthread(L); /* beside what the children allocate */
    bl_brood_serve(control, &work);
    return;
  }
  const char *why = luaL_tolstring(L, -1, &size);
  bl_brood_broken(control, why, size);
}

_Noreturn void bl_lworker_run(lua_State *L, int control) {
  struct bl_packet packet;
  struct bl_parcel parcel;
  int r = bl_parcel_receive(control, &packet, &parcel);
  if (r < 0) give_up(r);
  if (parcel.kind == BL_PARCEL_BODY) /* not below whoever called us */
    bl_body_end(bl_lchild_remote(lua_newthread(L), &parcel));
  if (bl_brood_begin(&parcel) == 0) serve(L, control, &parcel);
  bl_body_end(0);
}

static int child_main(lua_State *L) {
  bl_lworker_run(bl_lstate(L)->L, (int)luaL_checkinteger(L, 1));
}

void bl_lworker_open(lua_State *L) {
  lua_pushcfunction(L, child_main);
  lua_setfield(L, -2, "child_main");
}
