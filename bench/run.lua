-- SPDX-License-Identifier: MIT
-- Runs the benches: `lua5.4 bench/run.lua [stem]`, all without, each in a
-- process of its own, since a heap that one leaves would make forks dearer for
-- the next. Says what it found and exits 0: timing decides no test.

local build = os.getenv "BUILD" or "build"
package.path = "./?.lua;scripts/?.lua;scripts/?/init.lua;" .. package.path
package.cpath = build .. "/bench/?.so;" .. build .. "/lib/?.so;"
   .. package.cpath

local measure = require "bench.measure"
local floor = require "floor"

local HELPERS <const> = { measure = true, run = true }

local function all_stems()
   local stems = {}
   local list <close> = assert(io.popen "ls bench/*.lua")
   for path in list:lines() do
      local stem = path:match "([^/]+)%.lua$"
      stems[#stems + 1] = not HELPERS[stem] and stem or nil
   end
   return stems
end

local function run(stem)
   local ok, err = xpcall(require, debug.traceback, "bench." .. stem)
   if not ok then
      print(("# %s: %s"):format(stem, err))
   end
end

if arg[1] then return run(arg[1]) end
measure.head(floor)
for _, stem in ipairs(all_stems()) do
   io.stdout:flush()
   os.execute(("'%s' bench/run.lua %s"):format(arg[-1], stem))
end
