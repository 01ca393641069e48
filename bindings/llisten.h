/* SPDX-License-Identifier: MIT */
/* billiard.Socket: what listens, for topology.prefork. In core:
 *
 *    numeric(host)                       is it an address in numbers?
 *    listen(host, port, backlog)         a Socket; or nil, message, code
 *    listen_path(path, backlog)
 *    listen_passed(n)                    the nth that systemd passed
 *
 * A Socket has fileno, port and close. */
#ifndef BILLIARD_LLISTEN_H
#define BILLIARD_LLISTEN_H

#include "bindings/compat.h"

void bl_llisten_open(lua_State *L);

#endif
