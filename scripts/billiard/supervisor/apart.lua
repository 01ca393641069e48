-- SPDX-License-Identifier: MIT
--- A supervisor in a process of its own: a child like any other for the one
-- above, which learns by its readiness that all below is up. Its children do
-- not outlive it, however it ends.
-- @module billiard.supervisor.apart

local core = require "billiard.core"
local stop = require "billiard.policy.stop"
local readiness = require "billiard.supervisor.readiness"

local apart = {}

--- What the process does: starts all, stops all in order when it is asked to
-- unwind, and ends well also when it gave up, as Erlang's do.
function apart.main(checked)
   local instance <close> = require "billiard.supervisor".new(checked)
   local ok, err = instance:start()
   if not ok then error(err, 0) end
   core.ready()
   instance:wait()
end

--- What stands for it in the one above: itself, or, where it wants a process
-- of its own, the child that is that process.
-- @tparam table checked
function apart.wanted(checked)
   return not checked.own_process and checked or {
      id = checked.id, restart = checked.restart,
      restart_name = checked.restart_name, backoff = checked.backoff,
      significant = checked.significant, depends_on = checked.depends_on,
      stop = assert(stop.check_ladder { { "UNWIND", math.huge } }),
      ready = true, look = readiness.call, start_timeout = math.huge,
      options = { name = checked.id, target = apart.main, args = { checked },
                  daemon = true, pgroup = true, stdin = "null" },
      apart = checked,
   }
end

return apart
