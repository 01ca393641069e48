-- SPDX-License-Identifier: MIT
--- Topologies of programs and functions as they are: command, group and
-- supervisor.
-- @module billiard.topology.basic

local apart = require "billiard.supervisor.apart"
local spec = require "billiard.supervisor.spec"
local value = require "billiard.topology.value"

local check_table, fail, new = value.check_table, value.fail, value.new

local basic = {}

--- A program.
-- @tparam table options `name` and `command` (a list), any option of Process
-- (`env`, `cwd`, `limits`, ...), and `restart`, `backoff`, `stop`, `ready`,
-- `start_timeout`, `significant`
function basic.command(options)
   check_table("command", options)
   if type(options.command) ~= "table" then
      fail("command", options, "option 'command' must be a list, got "
         .. type(options.command))
   end
   local checked, problem = spec.child(options)
   if not checked then fail("command", options, problem) end
   return new("command", checked)
end

-- What of a group's options is its supervisor's, not its members'.
local OF_GROUP <const> = { n = true, intensity = true, period = true,
                           auto_shutdown = true, significant = true }

-- The options of member i: called with its number before its args, or a
-- command, which may be a function of the number.
local function member(options, i)
   local mine = {}
   for name, v in pairs(options) do
      if not OF_GROUP[name] then mine[name] = v end
   end
   mine.name = ("%s-%d"):format(options.name, i)
   mine.significant = options.auto_shutdown ~= nil or nil
   if type(options.command) == "function" then
      mine.command = options.command(i)
   elseif options.target then
      mine.args = value.before_args(options, i)
   end
   return mine
end

local function members(options, n)
   local list = {}
   for i = 1, n do
      local checked, problem = spec.child(member(options, i))
      if not checked then return nil, problem end
      list[i] = checked
   end
   return list
end

local function check_group(options, n)
   local count, problem = value.count("n", n)
   if not count then return nil, problem end
   local list, bad = members(options, count)
   if not list then return nil, bad end
   local checked, wrong = spec.supervisor({ name = options.name,
      intensity = options.intensity, period = options.period,
      auto_shutdown = options.auto_shutdown,
      significant = options.significant,
      restart = options.auto_shutdown and "transient" or nil }, list)
   if not checked then return nil, wrong end
   checked.n, checked.resize = n, function(m) return check_group(options, m) end
   return checked
end

--- Some alike, under a supervisor of their own.
-- @tparam table options `name`; `n` (1 by default); `target`, called with the
-- member's number and then `args`, or `command`, a list or a function of the
-- number; the options of a command, for each; `intensity`, `period`,
-- `auto_shutdown` (then each member is significant) and `significant`, for
-- the group
function basic.group(options)
   check_table("group", options)
   local n = options.n == nil and 1 or options.n
   if type(options.name) ~= "string" then
      fail("group", options, "option 'name' must be a string, got "
         .. type(options.name))
   end
   local checked, problem = check_group(options, n)
   if not checked then fail("group", options, problem) end
   return new("group", checked)
end

local function children(options)
   local list = {}
   for i, each in ipairs(options) do
      local checked, problem
      if value.is_topology(each) then checked = apart.wanted(each.checked)
      else checked, problem = spec.child(each) end
      if not checked then return nil, ("child %d: %s"):format(i, problem) end
      list[i] = checked
   end
   return list
end

--- A supervisor over what stands in its list part: topologies, or tables as
-- for `command`, with a `target` and `args` in place of the command if wanted.
-- @tparam table options `name`, `strategy` ("one_for_one"), `intensity` (1)
-- restarts within `period` (5) seconds, `auto_shutdown` ("never"); and for the
-- supervisor above `restart`, `backoff`, `significant`
function basic.supervisor(options)
   check_table("supervisor", options)
   local list, problem = children(options)
   local checked
   if list then checked, problem = spec.supervisor(options, list) end
   if not checked then fail("supervisor", options, problem) end
   return new("supervisor", checked)
end

return basic
