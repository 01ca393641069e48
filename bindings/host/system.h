/* SPDX-License-Identifier: MIT */
/* billiard.host.system: what a program that runs topologies needs and a
 * library must not do. In the host only.
 *
 *    watch() -> fd       SIGHUP, SIGINT and SIGTERM become readable there,
 *                        SIGPIPE is ignored: this process is ours
 *    take() -> n or nil  the number of the next of these signals
 *    write(fd, s) -> n   how many bytes went out without waiting (0: none);
 *                        nil where nobody reads any more
 *    notify(address, s)  one datagram to a socket as NOTIFY_SOCKET names it;
 *                        where it does not go without waiting it is lost
 *    every(seconds) -> fd     readable again and again
 *    rest(fd)            until the next time
 *    forget(name)        takes a variable out of the environment */
#ifndef BILLIARD_HOST_SYSTEM_H
#define BILLIARD_HOST_SYSTEM_H

#include <lua.h>

int luaopen_billiard_host_system(lua_State *L);

#endif
