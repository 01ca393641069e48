-- SPDX-License-Identifier: MIT
--- A stop ladder: ask, ask again, then insist. And ladders that are ready.

local billiard = require "billiard"
local stop = billiard.policy.stop

local STUBBORN <const> = [[
   trap 'echo "INT? no"' INT
   trap 'echo "TERM? no"' TERM
   echo "here I stay"
   while :; do sleep 0.05; done]]

local function start(script)
   local process = billiard.Process { command = { "sh", "-c", script },
                                      stdout = "pipe" }
   assert(process:start())
   print("sh: " .. process.stdout:read("l", 20))
   return process
end

local process = start(STUBBORN)
local _, how, n = assert(process:stop { { "INT", 0.3 }, { "TERM", 0.3 }, { "KILL" } })
for line in process.stdout:lines() do print("sh: " .. line) end
print("ended by " .. how .. " " .. n .. "\n")
assert(how == "signal" and n == 9)
process:close()

-- one that ends by itself needs only the time that drain gives it
process = start "echo 'a moment, please'; sleep 0.2; exit 3"
_, how, n = assert(process:stop(stop.drain(20)))
print("ended by " .. how .. " " .. n)
assert(how == "exit" and n == 3)
process:close()
