-- SPDX-License-Identifier: MIT
--- The half of Process that decides: subclasses, stop ladders, `<close>`.
-- @module billiard.process

local core = require "billiard.core"
local policy = require "billiard.policy"

local Process = core.Process

-- How long a process may take to go after SIGKILL: longer means that it hangs
-- in the kernel.
local AFTER_KILL <const> = 5

-- Of all subclasses: they travel as tables of this type, whole, with what they
-- derive from; Process itself, as a module.
local Class = { __name = "billiard.Class", __call = getmetatable(Process).__call }

function Class.__index(class, key)
   return rawget(class, "super")[key]
end

core.register(Class)

--- Makes a subclass, to which methods (`run` first) are then added.
-- @tparam string name what its processes are called: `name-1`
-- @treturn table the class; `class{...}` builds a process, `class.super` is
-- the class this was called on
function Process.extend(class, name)
   if type(name) ~= "string" or name == "" then
      error("extend: a subclass needs a name, got " .. type(name), 2)
   end
   return setmetatable({ super = class, __name = name }, Class)
end

-- One rung: the signal, then the time to wait for the end. A stopped process
-- is woken, or it could not do what it is asked.
local function climb(process, rung)
   local signal, seconds = rung[1], rung[2]
   if signal == "UNWIND" then
      local asked, err, code = process:terminate_controlled(seconds)
      if not asked then
         return nil, err, code
      end
   elseif signal ~= "WAIT" then
      local sent, err, code = process:send_signal(signal)
      if not sent then
         return nil, err, code
      end
      process:send_signal "CONT"
   end
   return process:join(seconds)
end

--- Ends a process by a ladder of signals and waits for it.
-- @tparam[opt] table ladder steps `{signal, seconds}`; see `policy.stop`.
-- Left out: SIGTERM, 5 seconds, SIGKILL.
-- @return what `join` returns, or `nil, "...", "unkillable"`
function Process:stop(ladder)
   local usable, why = pcall(core.check_child, self, "stop")
   if not usable then
      error(why, 2)
   end
   local rungs, problem = policy.check_ladder(ladder or policy.stop.graceful(5))
   if not rungs then
      error("stop: " .. problem, 2)
   end
   for _, rung in ipairs(rungs) do
      local ended, how, n = climb(self, rung)
      if ended then
         return ended, how, n
      elseif how ~= "timeout" then
         return nil, how, n
      end
   end
   local ended, how, n = self:join(AFTER_KILL)
   if not ended and not self:is_alive() and self.exitcode ~= nil then
      ended, how, n = self:join(0) -- the fork server kept it back, up to now
   end
   if ended then
      return ended, how, n
   end
   return nil, "still there after SIGKILL (stop)", "unkillable"
end

-- `local p <close>`: whatever state it is in, in bounded time.
function core.process_metatable.__close(process)
   local stage = core.process_stage(process)
   if stage == "started" and process:is_alive() and not process:stop() then
      return -- hangs in the kernel: the handle stays with it
   elseif stage == "started" or stage == "initial" then
      process:close()
   end
end

return Process
