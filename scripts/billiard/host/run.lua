-- SPDX-License-Identifier: MIT
--- `billiard run`: a topology in the foreground, until it ends or a signal
-- ends it.
-- @module billiard.host.run

local core = require "billiard.core"
local notify = require "billiard.host.notify"
local output = require "billiard.host.output"
local supervisor = require "billiard.supervisor"
local system = require "billiard.host.system"
local value = require "billiard.topology.value"

local STATUS <const> = { stopped = 0, finished = 0, failed = 3, gave_up = 4 }

local HANGUP <const> = 1
local NAMES <const> = { [2] = "SIGINT", [15] = "SIGTERM" }

---- a changed script ----

local function end_trial(run)
   if not run.trial then return end
   run.supervisor.driver.loop:remove(run.trial.sentinel)
   run.trial:kill()
   run.trial:join()
   run.trial:close()
   run.trial = nil
end

-- It was loaded elsewhere: well, or what was wrong.
local function on_trial(run)
   if run.trial:is_alive() then return end
   local code, err = run.trial.exitcode, run.trial.error
   end_trial(run)
   if code == 0 then
      run.wanted = true
   else
      run.output:say(("reload: %s; what runs goes on"):format(err and err.message
         or "the script ended the process that loaded it"))
      notify.ready()
   end
end

local function on_hangup(run)
   if run.asked then return end
   run.output:say "SIGHUP: loading the script again"
   notify.reloading()
   end_trial(run)
   run.trial = core.Process(run.script.trial())
   local ok, err = run.trial:start()
   if ok then
      run.supervisor.driver.loop:add(run.trial.sentinel, function() on_trial(run) end)
   else
      run.trial = nil
      run.output:say(("reload: %s; what runs goes on"):format(err))
   end
end

local function count(done)
   return ("%d added, %d replaced, %d removed"):format(#done.added,
      #done.replaced, #done.removed)
end

local function reload(run)
   run.wanted = false
   local topology, message = run.script.load()
   local ok, err, _, done
   if topology then
      ok, err, _, done = run.supervisor:reload(value.root_of(topology))
   end
   if ok then
      run.output:say("reloaded: " .. count(err))
   else
      run.output:say(("reload: %s; what runs goes on%s"):format(
         topology and err.message or message,
         done and " (" .. count(done) .. ")" or ""))
   end
   notify.ready()
end

---- signals ----

-- The first one asks, the second one forces.
local function on_signal(run)
   for signal in system.take do
      if signal == HANGUP then
         on_hangup(run)
      elseif not run.asked then
         run.asked = signal
         run.output:say(NAMES[signal] .. ": stopping")
         notify.stopping()
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
   for name, given in pairs(spec.options) do options[name] = given end
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
-- @tparam table script `trial()`, the options of a process that loads it, and
-- `load()`
return function(topology, script)
   local run, hooks = { script = script }, {}
   run.supervisor = topology:supervisor(hooks)
   local driver = run.supervisor.driver
   run.output = output.new(driver.loop)
   for name, hook in pairs(hooks_of(run)) do hooks[name] = hook end
   driver.loop:add(system.watch(), function() on_signal(run) end)
   notify.watch(driver.loop)
   run.supervisor:begin()
   local up = false
   while not driver.verdict do
      driver:turn()
      if driver.up and not up then
         up = true
         run.output:say(topology.checked.id .. " is up")
         notify.ready()
      end
      if run.wanted and up and not run.asked and not driver.verdict then
         reload(run)
      end
   end
   end_trial(run)
   notify.stopping()
   local reason = driver.verdict.reason
   run.output:say(("%s has ended (%s)"):format(topology.checked.id,
      (reason:gsub("_", " "))))
   run.output:finish()
   return run.forced and 128 + run.forced or STATUS[reason]
end
