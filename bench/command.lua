-- SPDX-License-Identifier: MIT
-- Programs: start and join, and `billiard.run`.

local billiard = require "billiard"
local floor = require "floor"
local measure = require "bench.measure"

local ROUNDS <const> = 200
local DIRTY_MIB <const> = 256

local function start_join()
   local p = billiard.Process { command = { "true" } }
   assert(p:start())
   assert(p:join())
end

local function run() assert(billiard.run { "true" }) end

local function command_round() return measure.time(start_join) end
local function run_round() return measure.time(run) end
local function bare_round() return floor.spawn "true" end

-- nil where luv is not installed
local function luv(kind)
   return measure.peer { "lua5.4", "bench/peers/spawn.lua", kind }
end

local function small()
   local command, ran, bare = measure.interleave(ROUNDS, command_round,
      run_round, bare_round)
   measure.seconds { name = "command start+join", value = command,
      floor = bare, peer = luv "plain" }
   measure.seconds { name = "run{'true'}", value = ran, floor = bare,
      peer = luv "pipes", goal = { floor = 1.3 } }
end

local function dirty()
   local memory = floor.dirty(DIRTY_MIB)
   local command, bare = measure.interleave(ROUNDS, command_round, bare_round)
   floor.clean(memory, DIRTY_MIB)
   measure.seconds { name = "command start+join, 256 MiB dirty",
      value = command, floor = bare }
end

small()
dirty()
