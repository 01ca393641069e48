/* SPDX-License-Identifier: MIT */
/* billiard.host.system: what a program that runs topologies needs and a
 * library must not do. In the host only.
 *
 *    watch() -> fd       SIGINT and SIGTERM become readable there, SIGPIPE is
 *                        ignored: this process is ours
 *    take() -> n or nil  the number of the next of these signals
 *    write(fd, s) -> n   how many bytes went out without waiting (0: none);
 *                        nil where nobody reads any more */
#ifndef BILLIARD_HOST_SYSTEM_H
#define BILLIARD_HOST_SYSTEM_H

#include <lua.h>

int luaopen_billiard_host_system(lua_State *L);

#endif
