-- SPDX-License-Identifier: MIT
--- How a child tells that it is up. Each kind has
--
--    check(value)      what is wrong with the option, or nil
--    look(process, v)  is it up?
--    fd(process)       what to wait for between two looks; without, it is
--                      looked at every few milliseconds, while it starts
-- @module billiard.supervisor.readiness

local core = require "billiard.core"
local guard = require "billiard.policy.guard"

local function told(process) return (process:wait_ready(0)) end
local function told_fd(process) return (core.ready_fd(process)) end

-- Is anybody listening there? From the kernel's table, as nothing that is up
-- should be bothered with connections that say nothing.
local function listening(path, port)
   local file <close> = io.open(path)
   local pattern = (":%04X %%x+:0000 0A "):format(port)
   for line in file and file:lines() or function() end do
      if line:find(pattern) then return true end
   end
   return false
end

local function exists(path)
   local file <close> = io.open(path)
   return file ~= nil
end

local function none() end

return {
   -- ready = true: the target calls billiard.ready()
   call = { check = none, look = told, fd = told_fd },

   -- ready = { fd = n }: the program writes a line there
   fd = { check = none, look = told, fd = told_fd },

   -- ready = { port = n }: somebody listens on this TCP port
   port = {
      check = function(n)
         if math.type(n) ~= "integer" or n < 1 or n > 65535 then
            return "must be { port = 1 to 65535 }"
         end
      end,
      look = function(_, n)
         return listening("/proc/net/tcp", n) or listening("/proc/net/tcp6", n)
      end,
   },

   -- ready = { file = path }: it is there
   file = {
      check = function(path)
         if type(path) ~= "string" then return "must be { file = path }" end
      end,
      look = function(_, path) return exists(path) end,
   },

   -- ready = function(process) ... end: it returns something true
   ask = {
      check = none,
      look = function(process, f)
         local ok, result = guard.call(f, process)
         return ok and result
      end,
   },
}
