/* SPDX-License-Identifier: MIT */
/* How many processors there are, and how many this process may use. */
#ifndef BILLIARD_CPU_H
#define BILLIARD_CPU_H

#include "runtime/base.h"

/* Processors online; BL_ENOTIMPL when the system does not tell. */
BL_API int bl_cpu_count(void);

/* The least of: processors, affinity mask, CPU quota of this process's
 * cgroups (rounded up, at least 1). BL_ENOTIMPL as above. */
BL_API int bl_cpu_usable(void);

#endif
