-- SPDX-License-Identifier: MIT
-- needs: cqueues
--- A pool in cqueues' loop: it can be polled as it is, and says itself when it
-- wants to be looked at.

local billiard = require "billiard"
local cqueues = require "cqueues"

local pool <close> = assert(billiard.Pool { processes = 2, timeout = 0.5 })

local function slow_square(n)
   if n == 3 then os.exit(7) end -- its worker is lost, and replaced
   billiard.sleep(n == 4 and 3600 or 0.1)
   return n * n
end

local loop, ticks, fates, left = cqueues.new(), 0, {}, 5
for i = 1, left do
   local function settle(fate)
      fates[i], left = fate, left - 1
   end
   assert(pool:apply_async(slow_square, { i }, {
      callback = settle, error_callback = function(err) settle(err.code) end,
   }))
end

loop:wrap(function()
   while left > 0 do
      cqueues.poll(pool)
      pool:poll(0)
   end
   cqueues.cancel(pool:fileno()) -- the pool closes it before the loop ends
end)

loop:wrap(function()
   while left > 0 do
      cqueues.sleep(0.05)
      ticks = ticks + 1
   end
end)

assert(loop:loop())
print(("%s; the loop ticked %d times meanwhile"):format(table.concat(fates, " "), ticks))
assert(table.concat(fates, " ") == "1 4 WorkerLostError TimeLimitExceeded 25")
assert(ticks > 1)
