-- SPDX-License-Identifier: MIT
--- Decisions as data and pure functions.
--
--    policy.stop     how a process is ended: ladders of signals
--    policy.restart  what follows its end: (event, child, history) -> action
--
-- A policy of the user's own is a table or a function of the same shape.
-- @module billiard.policy

local stop = require "billiard.policy.stop"
local restart = require "billiard.policy.restart"

return {
   stop = stop.ladders,
   restart = restart.kinds,

   --- Checks a ladder and completes it.
   -- @tparam table ladder
   -- @treturn table a copy that ends with KILL; or nil and what is wrong
   check_ladder = stop.check_ladder,
}
