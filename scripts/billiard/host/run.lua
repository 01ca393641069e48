-- SPDX-License-Identifier: MIT
--- `billiard run`: a topology in the foreground, until it ends or a signal
-- ends it.
-- @module billiard.host.run

local output = require "billiard.host.output"
local supervisor = require "billiard.supervisor"
local system = require "billiard.host.system"

local STATUS <const> = { stopped = 0, finished = 0, failed = 3, gave_up = 4 }

local NAMES <const> = { [2] = "SIGINT", [15] = "SIGTERM" }

-- The first one asks, the second one forces.
local function on_signal(run)
   for signal in system.take do
      if not run.asked then
         run.asked = signal
         run.output:say(NAMES[signal] .. ": stopping")
         run.supervisor:ask_to_stop()
      elseif not run.forced then
         run.forced = signal
         run.output:say(NAMES[signal] .. " again: killing all")
         run.supervisor:ask_to_stop(true)
      end
   end
end

-- A child's options, its output going to pipes unless it has a place.
local function piped(spec)
   local options = { stdout = "pipe", stderr = "pipe" }
   for name, value in pairs(spec.options) do options[name] = value end
   return options
end

local function hooks_of(run)
   return {
      options = piped,
      up = function(spec, process) run.output:attach(spec.id, process) end,
      down = function(_, process) run.output:detach(process) end,
      report = function(action) run.output:say(supervisor.sentence(action)) end,
   }
end

--- Runs it to its end.
-- @treturn integer the exit status
return function(topology)
   local run, hooks = {}, {}
   run.supervisor = topology:supervisor(hooks)
   local driver = run.supervisor.driver
   run.output = output.new(driver.loop)
   for name, hook in pairs(hooks_of(run)) do hooks[name] = hook end
   driver.loop:add(system.watch(), function() on_signal(run) end)
   run.supervisor:begin()
   local up = false
   while not driver.verdict do
      driver:turn()
      if driver.up and not up then
         up = true
         run.output:say(topology.checked.id .. " is up")
      end
   end
   local reason = driver.verdict.reason
   run.output:say(("%s has ended (%s)"):format(topology.checked.id,
      (reason:gsub("_", " "))))
   run.output:finish()
   return run.forced and 128 + run.forced or STATUS[reason]
end
