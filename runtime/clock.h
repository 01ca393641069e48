/* SPDX-License-Identifier: MIT */
/* The one clock: CLOCK_MONOTONIC in nanoseconds, and absolute deadlines on it.
 * A deadline in the past means: look, do not wait. */
#ifndef BILLIARD_CLOCK_H
#define BILLIARD_CLOCK_H

#include "runtime/base.h"

#define BL_FOREVER INT64_MAX
#define BL_SECOND_NS INT64_C(1000000000)
#define BL_MILLISECOND_NS INT64_C(1000000)

/* What the clock says. */
BL_API int64_t bl_now_ns(void);

/* The deadline that lies timeout_ns from now; BL_FOREVER stays for ever. */
BL_API int64_t bl_deadline_ns(int64_t timeout_ns);

#endif
