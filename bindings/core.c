/* SPDX-License-Identifier: MIT */
#include "bindings/core.h"

#include <lualib.h>

#include "bindings/larray.h"
#include "bindings/lbarrier.h"
#include "bindings/lbuild.h"
#include "bindings/lchild.h"
#include "bindings/lcodec.h"
#include "bindings/lcondition.h"
#include "bindings/lconnection.h"
#include "bindings/lerror.h"
#include "bindings/levent.h"
#include "bindings/lexit.h"
#include "bindings/lhandle.h"
#include "bindings/linterrupt.h"
#include "bindings/llisten.h"
#include "bindings/llock.h"
#include "bindings/lmemory.h"
#include "bindings/lmethod.h"
#include "bindings/lparent.h"
#include "bindings/lpermits.h"
#include "bindings/lpoller.h"
#include "bindings/lprocess.h"
#include "bindings/lproperty.h"
#include "bindings/lqueue.h"
#include "bindings/lready.h"
#include "bindings/lreceiver.h"
#include "bindings/lremote.h"
#include "bindings/lresult.h"
#include "bindings/lrun.h"
#include "bindings/lsecret.h"
#include "bindings/lsender.h"
#include "bindings/lsignal.h"
#include "bindings/lstart.h"
#include "bindings/lstate.h"
#include "bindings/lstream.h"
#include "bindings/lsystem.h"
#include "bindings/ltype.h"
#include "bindings/lvalue.h"
#include "bindings/lwait.h"
#include "bindings/lwaiter.h"
#include "bindings/lworker.h"

/* Children reseed by the function that was there when we were loaded. */
static void keep_randomseed(lua_State *L) {
  lua_getglobal(L, "math");
  if (lua_istable(L, -1)) lua_getfield(L, -1, "randomseed");
  else lua_pushnil(L);
  bl_lstate_set(L, BL_LRANDOMSEED);
  lua_pop(L, 1);
}

/* Each adds to the table on top; what is built on comes first. */
static void (*const parts[])(lua_State *) = {
    bl_lhandle_open,   bl_lerror_open,  bl_lsecret_open,
    bl_lstream_open,   bl_lprocess_open,
    bl_lproperty_open, bl_lbuild_open,  bl_lstart_open,  bl_lrun_open,
    bl_lsignal_open,   bl_lready_open,  bl_lwait_open,   bl_lparent_open,
    bl_lchild_open,    bl_lexit_open,   bl_lsystem_open, bl_lpoller_open,
    bl_lwaiter_open,   bl_ltype_open,   bl_lcodec_open,  bl_linterrupt_open,
    bl_lmethod_open,   bl_lremote_open, bl_lworker_open, bl_lresult_open,
    bl_lconnection_open, bl_lsender_open, bl_lreceiver_open,
    bl_llock_open,     bl_levent_open,  bl_lmemory_open, bl_lvalue_open,
    bl_larray_open,    bl_lpermits_open, bl_lcondition_open, bl_lbarrier_open,
    bl_lqueue_open,    bl_llisten_open,
};

int luaopen_billiard_core(lua_State *L) {
  luaL_checkversion(L);
  bl_lstate_open(L);
  lua_newtable(L); /* core */
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) parts[i](L);
  bl_lbuild_main(L);
  keep_randomseed(L);
  lua_pushliteral(L, BL_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}

int bl_child_main(int argc, char **argv) {
  int control = bl_lworker_control(argc, argv);
  if (control < 0) return -1;
  lua_State *L = luaL_newstate();
  if (!L) return -1;
  luaL_openlibs(L);
  luaL_requiref(L, "billiard.core", luaopen_billiard_core, 0);
  lua_settop(L, 0);
  bl_lworker_run(L, control);
}
