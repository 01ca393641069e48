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

-- Done in their turn, between two turns of the supervisor.
local function want(run, change, ...)
   run.wanted[#run.wanted + 1] = table.pack(change, ...)
end

---- a changed script ----

local function count(done)
   return ("%d added, %d replaced, %d removed"):format(#done.added,
      #done.replaced, #done.removed)
end

local function reload(run)
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
      want(run, reload)
   else
      run.output:say(("reload: %s; what runs goes on"):format(err and err.message
         or "the script ended the process that loaded it"))
      notify.ready()
   end
end

local function on_hangup(run)
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

---- more, fewer, new ones ----

local function tell_outcome(run, what, ok, done, _, partly)
   run.output:say(ok and ("%s: %s"):format(what, count(done))
      or ("%s: %s%s"):format(what, done.message,
         partly and " (" .. count(partly) .. ")" or ""))
end

-- All that have a size, and their names.
local function sized(checked, found, names)
   if checked.resize then
      found[#found + 1], names[#names + 1] = checked, checked.id
   end
   for _, each in ipairs(checked.children or {}) do sized(each, found, names) end
   return found, names
end

-- Which one a signal means: the root, or what alone has a size. nil and why
-- there is none.
local function which(root)
   local found, names = sized(root, {}, {})
   if root.resize or #found == 1 then return found[1] end
   return nil, #found == 0
      and "nothing here has a size, as a group, a prefork or a pool has"
      or ("%s have sizes; change n in the script and send SIGHUP"):format(
         table.concat(names, " and "))
end

local function scale(run, name, by)
   local it, problem = which(run.supervisor.driver.root.spec)
   if not it then return run.output:say(name .. ": " .. problem) end
   local n = it.n + by
   local what = ("%s: %s of %d"):format(name, it.id, n)
   local asked, ok, done, code, partly = pcall(run.supervisor.scale,
      run.supervisor, it.id, n)
   if not asked then return run.output:say(what .. ": " .. ok) end
   tell_outcome(run, what, ok, done, code, partly)
end

local function roll(run, name)
   tell_outcome(run, name, run.supervisor:roll())
end

---- signals ----

-- The first one asks, the second one forces.
local function on_end(run, name, signo)
   if not run.asked then
      run.asked = signo
      run.output:say(name .. ": stopping")
      notify.stopping()
      run.supervisor:ask_to_stop()
   elseif not run.forced then
      run.forced = signo
      run.output:say(name .. " again: killing all")
      run.supervisor:ask_to_stop(true)
   end
end

local CHANGES <const> = {
   SIGHUP = on_hangup,
   SIGTTIN = function(run, name) want(run, scale, name, 1) end,
   SIGTTOU = function(run, name) want(run, scale, name, -1) end,
   SIGUSR2 = function(run, name) want(run, roll, name) end,
}

local function on_signal(run)
   for name, signo in system.take do
      local change = CHANGES[name]
      if not change then on_end(run, name, signo)
      elseif not run.asked then change(run, name) end
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

-- The next of the changes that are wanted, unless all is to end.
local function change_next(run)
   local wanted = table.remove(run.wanted, 1)
   if run.asked or run.supervisor.driver.verdict then return end
   wanted[1](run, table.unpack(wanted, 2, wanted.n))
end

--- Runs it to its end.
-- @treturn integer the exit status
-- @tparam table script `trial()`, the options of a process that loads it, and
-- `load()`
return function(topology, script)
   local run, hooks = { script = script, wanted = {} }, {}
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
      if up and run.wanted[1] then change_next(run) end
   end
   end_trial(run)
   notify.stopping()
   local reason = driver.verdict.reason
   run.output:say(("%s has ended (%s)"):format(topology.checked.id,
      (reason:gsub("_", " "))))
   run.output:finish()
   return run.forced and 128 + run.forced or STATUS[reason]
end
