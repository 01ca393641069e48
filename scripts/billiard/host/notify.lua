-- SPDX-License-Identifier: MIT
--- What systemd wants to know of a service (sd_notify): a datagram of lines to
-- the socket that NOTIFY_SOCKET names. Without one nothing is told.
--
-- The children do not see these variables: they speak to us, not for us.
-- @module billiard.host.notify

local core = require "billiard.core"
local system = require "billiard.host.system"

local notify = {}

local function take(name)
   local value = os.getenv(name)
   system.forget(name)
   return value
end

local address = take "NOTIFY_SOCKET"
local watchdog = tonumber(take "WATCHDOG_USEC")
local watched = tonumber(take "WATCHDOG_PID")

local function tell(...)
   if address then system.notify(address, table.concat({ ... }, "\n")) end
end

local function pid() return core.current_process().pid end

function notify.ready() tell("READY=1", ("MAINPID=%d"):format(pid())) end
local stopping = false
function notify.stopping()
   if not stopping then tell "STOPPING=1" end
   stopping = true
end

function notify.reloading()
   tell("RELOADING=1", ("MONOTONIC_USEC=%d"):format(core.now() * 1e6 // 1))
end

--- Keeps the watchdog quiet from this loop, twice in each of its intervals, if
-- there is one and it watches this process.
function notify.watch(loop)
   local of_us = watched == nil or watched == pid()
   if not address or not watchdog or watchdog <= 0 or not of_us then return end
   loop:add(system.every(watchdog / 2e6), function(fd)
      if system.rest(fd) then tell "WATCHDOG=1" end
   end)
end

return notify
