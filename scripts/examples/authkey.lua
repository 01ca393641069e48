-- SPDX-License-Identifier: MIT
--- An authentication key of one's own, which a worker gets from its parent.

local billiard = require "billiard"

local secret = "8 bytes.and 24 that stay hidden."

local function worker()
   local key = billiard.current_process().authkey
   print("the worker's key begins with " .. key:sub(1, 8))
   print("and shows itself as " .. tostring(key))
   billiard.exit(key:equals(secret) and 0 or 1)
end

local process = billiard.Process { target = worker, stdout = "pipe" }
process.authkey = billiard.AuthenticationString(secret)
assert(process:start())
local output = process.stdout:read "a"
process:join()
io.write(output)

assert(process.exitcode == 0)
assert(output:find("8 bytes.", 1, true) and not output:find "hidden")
assert(billiard.current_process().authkey ~= process.authkey)
