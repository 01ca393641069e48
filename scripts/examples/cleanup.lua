-- SPDX-License-Identifier: MIT
--- A controlled end: the child unwinds, <close> and at_exit do their work.

local billiard = require "billiard"

local function worker()
   billiard.at_exit(function() print "at_exit: the last word" end)
   local _ <close> = setmetatable({}, {
      __close = function() print "<close>: the file is put away" end,
   })
   billiard.ready()
   while true do end -- busy, and still it is reached
end

local process = billiard.Process { target = worker, stdout = "pipe" }
assert(process:start())
assert(process:wait_ready(20))
process:terminate_controlled(10) -- seconds it may take, then the kernel kills
local output = process.stdout:read "a"
process:join()
io.write(output)
print("it died of signal " .. -process.exitcode .. ", as it was told")

assert(output == "<close>: the file is put away\nat_exit: the last word\n")
assert(process.controlled and process.exitcode == -15)
