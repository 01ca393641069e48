/* SPDX-License-Identifier: MIT */
#include "runtime/signame.h"

#include <signal.h>

#include "spec/native/check.h"

static void finds_numbers(void) {
  CHECK_INT(bl_signal_number("TERM"), SIGTERM);
  CHECK_INT(bl_signal_number("SIGKILL"), SIGKILL);
  CHECK_INT(bl_signal_number("USR1"), SIGUSR1);
}

static void refuses_strangers(void) {
  static const char *const wrong[] = {"",     "SIG",     "term", "SIGSIGTERM",
                                      "NOPE", "SIGTERMX", "15",   " TERM"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_INT(bl_signal_number(wrong[i]), -EINVAL);
}

static void finds_its_own_names(void) {
  for (int signo = 1; signo < 32; signo++) {
    const char *name = bl_signal_name(signo);
    CHECK(strncmp(name, "SIG", 3) == 0);
    CHECK_INT(bl_signal_number(name), signo);
  }
}

static void numbers_the_nameless(void) {
  CHECK_STR(bl_signal_name(SIGINT), "SIGINT");
  CHECK_STR(bl_signal_name(99), "SIG99");
  CHECK_STR(bl_signal_name(-1), "SIG-1");
  CHECK_STR(bl_signal_name(INT32_MIN), "SIG-2147483648");
}

static void knows_the_range(void) {
  CHECK(bl_signal_valid(1));
  CHECK(bl_signal_valid(SIGRTMAX));
  CHECK(!bl_signal_valid(0));
  CHECK(!bl_signal_valid(-SIGTERM));
  CHECK(!bl_signal_valid(SIGRTMAX + 1));
}

CHECK_MAIN({"a name has its number, with SIG or without", finds_numbers},
           {"what is no name is refused", refuses_strangers},
           {"the name of a number leads back to it", finds_its_own_names},
           {"a number without a name is shown", numbers_the_nameless},
           {"0 and what lies beyond SIGRTMAX is not sent", knows_the_range})
