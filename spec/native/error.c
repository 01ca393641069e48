/* SPDX-License-Identifier: MIT */
#include "runtime/error.h"

#include "runtime/plan.h"
#include "spec/native/check.h"

static void names_errno(void) {
  CHECK_STR(bl_error_name(-ENOENT), "ENOENT");
  CHECK_STR(bl_error_name(-EMFILE), "EMFILE");
  CHECK_STR(bl_error_text(-ENOENT), "no such file or directory");
}

static void keeps_abbreviations(void) {
  CHECK_STR(bl_error_text(-EIO), "input/output error");
  CHECK_STR(bl_error_text(-EDOTDOT), "RFS specific error");
}

static void names_its_own(void) {
#define NAMED(constant, number, name, text)                                  \
  CHECK_STR(bl_error_name(BL_E##constant), name);                            \
  CHECK_STR(bl_error_text(BL_E##constant), text);
  BL_ERRORS(NAMED)
#undef NAMED
}

static void own_codes_are_apart(void) {
#define APART(constant, number, name, text)                                  \
  CHECK((number) > 4095); /* the kernel's errors end there */                \
  CHECK(strerrorname_np(number) == NULL);
  BL_ERRORS(APART)
#undef APART
}

static void knows_nothing_about_others(void) {
  CHECK_STR(bl_error_name(-4000), "EUNKNOWN");
  CHECK_STR(bl_error_text(-4000), "unknown error");
  CHECK_STR(bl_error_name(17), "EUNKNOWN");
  CHECK_STR(bl_error_text(INT32_MIN + 1), "unknown error");
}

static void steps_have_texts(void) {
  CHECK_STR(bl_step_text(BL_STEP_EXEC), "start: exec");
  CHECK_STR(bl_step_text(BL_STEP_NONE), "start");
  for (int step = BL_STEP_THREADS; step <= BL_STEP_ANSWER; step++)
    CHECK(strncmp(bl_step_text((enum bl_step)step), "start: ", 7) == 0);
  CHECK_STR(bl_step_text((enum bl_step)9999), "start");
}

CHECK_MAIN({"an errno has its name and a sentence", names_errno},
           {"a sentence keeps its abbreviations", keeps_abbreviations},
           {"every code of our own has its name and text", names_its_own},
           {"no code of our own is an errno", own_codes_are_apart},
           {"a number nobody knows is called so", knows_nothing_about_others},
           {"every step of a start has a text", steps_have_texts})
