/* SPDX-License-Identifier: MIT */
#include "runtime/clock.h"

#include "spec/native/check.h"

static void never_goes_back(void) {
  int64_t before = bl_now_ns();
  for (int i = 0; i < 10000; i++) {
    int64_t now = bl_now_ns();
    NEED(now >= before);
    before = now;
  }
  CHECK(before > 0);
}

static void deadline_lies_ahead(void) {
  int64_t before = bl_now_ns();
  int64_t deadline = bl_deadline_ns(BL_SECOND_NS);
  int64_t after = bl_now_ns();
  CHECK(deadline >= before + BL_SECOND_NS);
  CHECK(deadline <= after + BL_SECOND_NS);
}

static void past_means_now(void) {
  int64_t before = bl_now_ns();
  int64_t zero = bl_deadline_ns(0);
  int64_t negative = bl_deadline_ns(-BL_SECOND_NS);
  int64_t least = bl_deadline_ns(INT64_MIN);
  int64_t after = bl_now_ns();
  CHECK(zero >= before && zero <= after);
  CHECK(negative >= before && negative <= after);
  CHECK(least >= before && least <= after);
}

static void for_ever_stays(void) {
  CHECK_INT(bl_deadline_ns(BL_FOREVER), BL_FOREVER);
  CHECK_INT(bl_deadline_ns(BL_FOREVER - 1), BL_FOREVER);
  CHECK(bl_deadline_ns(BL_FOREVER / 2) > BL_FOREVER / 2);
  CHECK(bl_deadline_ns(BL_FOREVER / 2) < BL_FOREVER);
}

CHECK_MAIN({"the clock never goes back", never_goes_back},
           {"a deadline lies its timeout ahead", deadline_lies_ahead},
           {"a timeout below zero ends now", past_means_now},
           {"for ever stays for ever, and nothing overflows", for_ever_stays})
