-- SPDX-License-Identifier: MIT
-- needs: luv
--- A Process in luv's loop: its descriptor is readable once it has ended.

local billiard = require "billiard"
local uv = require "luv"

local process = billiard.Process {
   target = function() billiard.sleep(0.3) os.exit(5) end,
}
assert(process:start())

local ticks, ended = 0, false
local timer = uv.new_timer()
timer:start(0, 50, function() ticks = ticks + 1 end)

local watch = uv.new_poll(process:fileno())
watch:start("r", function()
   if not process:join(0) then return end -- readiness is a hint
   ended = true
   watch:close()
   timer:close()
end)

uv.run()
print(("%s, and the loop ticked %d times meanwhile"):format(process, ticks))
assert(ended and process.exitcode == 5 and ticks > 1)
process:close()
