/* SPDX-License-Identifier: MIT */
#include "runtime/plan.h"

const char *bl_step_text(enum bl_step step) {
  static const char *const texts[] = {
#define BL_STEP_TEXT(constant, text) [BL_STEP_##constant] = text,
      BL_STEPS(BL_STEP_TEXT)
#undef BL_STEP_TEXT
  };
  size_t i = (size_t)step;
  return i < sizeof texts / sizeof texts[0] ? texts[i] : "start";
}
