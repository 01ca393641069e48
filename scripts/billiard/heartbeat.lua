-- SPDX-License-Identifier: MIT
--- How a supervised target tells that it is not hung: a counter in shared
-- memory, which its supervisor looks at now and then.
-- @module billiard.heartbeat

local core = require "billiard.core"
local shared = require "billiard.shared"

local heartbeat = {}

--- A heart that has not beaten yet.
function heartbeat.new() return assert(shared.Value("u64", 0)) end

--- A Process's options with the heart for it.
function heartbeat.give(options, heart)
   local all = {}
   for name, value in pairs(options) do all[name] = value end
   all.fields = { heart = heart }
   return all
end

--- In a supervised target with the option `heartbeat`: tells that it goes on.
-- Anywhere else it does nothing.
function heartbeat.beat()
   local heart = core.current_process().heart
   if heart then heart:add(1) end
end

return heartbeat
