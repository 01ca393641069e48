/* SPDX-License-Identifier: MIT */
/* libbilliard: start, watch, limit and stop processes from C.
 *
 * Everything of the runtime that a program may use; included by nobody
 * inside. No global state beyond the process's own, no handler installed,
 * nothing to initialise. See process.h for the order of calls. */
#ifndef BILLIARD_H
#define BILLIARD_H

#include "runtime/base.h"
#include "runtime/bell.h"
#include "runtime/body.h"
#include "runtime/channel.h"
#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "runtime/error.h"
#include "runtime/family.h"
#include "runtime/plan.h"
#include "runtime/poll.h"
#include "runtime/poller.h"
#include "runtime/process.h"
#include "runtime/queue.h"
#include "runtime/secret.h"
#include "runtime/signame.h"
#include "runtime/stream.h"

#endif
