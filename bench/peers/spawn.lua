-- SPDX-License-Identifier: MIT
-- Median seconds that luv takes to run `true`: spawn.lua plain|pipes

local uv = require "luv"

local pipes = arg[1] == "pipes"

local function once()
   local start = uv.hrtime()
   local out, err = pipes and uv.new_pipe(false), pipes and uv.new_pipe(false)
   local options = { stdio = pipes and { nil, out, err } or { 0, 1, 2 } }
   local handle
   handle = assert(uv.spawn("true", options, function() handle:close() end))
   for _, pipe in ipairs(pipes and { out, err } or {}) do
      pipe:read_start(function(_, chunk)
         if not chunk then pipe:close() end
      end)
   end
   uv.run()
   return (uv.hrtime() - start) / 1e9
end

local times = {}
for i = 1, 100 do times[i] = once() end
table.sort(times)
print(times[50])
