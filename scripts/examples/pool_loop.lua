-- SPDX-License-Identifier: MIT
--- A game's loop with a pool: workers find the way through mazes, which takes
-- many frames; the loop takes in what is ready and never waits for it.

local billiard = require "billiard"

local FRAME <const> = 1 / 60
local SIZE <const> = 600

-- How many steps it is from one corner of a maze to the other, if there is a
-- way. A seed stands for a maze; in a broken one the search never ends.
local function find_way(seed, broken)
   math.randomseed(seed)
   local walls, steps, edge = {}, { 0 }, { 1 }
   for i = 2, SIZE * SIZE - 1 do walls[i] = math.random() < 0.3 end
   while #edge > 0 or broken do
      local further = {}
      local function try(cell, n)
         if steps[cell] or walls[cell] then return end
         steps[cell] = n
         further[#further + 1] = cell
      end
      for _, cell in ipairs(edge) do
         local n, column = steps[cell] + 1, (cell - 1) % SIZE
         if column > 0 then try(cell - 1, n) end
         if column < SIZE - 1 then try(cell + 1, n) end
         if cell > SIZE then try(cell - SIZE, n) end
         if cell <= SIZE * (SIZE - 1) then try(cell + SIZE, n) end
      end
      edge = further
   end
   return steps[SIZE * SIZE]
end

local pool <close> = assert(billiard.Pool { processes = 2 })
local monsters = { { seed = 1 }, { seed = 2 }, { seed = 3, broken = true }, { seed = 4 } }
local thinking = #monsters

for _, monster in ipairs(monsters) do
   local function settle(fate)
      monster.fate = fate
      thinking = thinking - 1
   end
   assert(pool:apply_async(find_way, { monster.seed, monster.broken }, {
      timeout = 2, -- the kernel's business: no frame has to look at a clock
      callback = function(n) settle(n and n .. " steps" or "there is no way") end,
      error_callback = function(err) settle(err.code) end,
   }))
end

local frames, longest = 0, 0
while thinking > 0 do
   local began = billiard.now()
   pool:poll(0) -- what has ended: callbacks are called in here
   -- here the game would move and draw
   frames, longest = frames + 1, math.max(longest, billiard.now() - began)
   billiard.sleep(FRAME - (billiard.now() - began))
end

for i, monster in ipairs(monsters) do print("monster " .. i, monster.fate) end
print(("%d frames; the pool took at most %.2f ms of one"):format(frames, longest * 1000))
assert(frames > 1 and monsters[3].fate == "TimeLimitExceeded")
