-- SPDX-License-Identifier: MIT
-- needs: cqueues
--- A Process in cqueues' loop: it can be polled as it is.

local billiard = require "billiard"
local cqueues = require "cqueues"

local process = billiard.Process {
   target = function() billiard.sleep(0.3) os.exit(5) end,
}
assert(process:start())

local loop, ticks, ended = cqueues.new(), 0, false

loop:wrap(function()
   repeat cqueues.poll(process) until process:join(0) -- readiness is a hint
   ended = true
end)

loop:wrap(function()
   while not ended do
      cqueues.sleep(0.05)
      ticks = ticks + 1
   end
end)

assert(loop:loop())
print(("%s, and the loop ticked %d times meanwhile"):format(process, ticks))
assert(process.exitcode == 5 and ticks > 1)
process:close()
