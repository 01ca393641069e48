-- SPDX-License-Identifier: MIT
-- needs: luv
--- A pool in luv's loop: it is looked at when its descriptor is readable, and
-- when it says that it is time.

local billiard = require "billiard"
local uv = require "luv"

local pool <close> = assert(billiard.Pool { processes = 2, timeout = 0.5 })

local function slow_square(n)
   if n == 3 then os.exit(7) end -- its worker is lost, and replaced
   billiard.sleep(n == 4 and 3600 or 0.1)
   return n * n
end

local watch, timer, prepare = uv.new_poll(pool:fileno()), uv.new_timer(), uv.new_prepare()
local fates, left = {}, 5

local function look()
   pool:poll(0)
   if left > 0 then return end
   for _, handle in ipairs { watch, timer, prepare } do handle:close() end
end

watch:start("r", look)
prepare:start(function() -- before each wait of the loop, as timeout() changes
   local seconds = pool:timeout()
   if seconds then timer:start(math.ceil(seconds * 1000), 0, look)
   else timer:stop() end
end)

for i = 1, left do
   local function settle(fate)
      fates[i], left = fate, left - 1
   end
   assert(pool:apply_async(slow_square, { i }, {
      callback = settle, error_callback = function(err) settle(err.code) end,
   }))
end

uv.run()
print(table.unpack(fates))
assert(table.concat(fates, " ") == "1 4 WorkerLostError TimeLimitExceeded 25")
