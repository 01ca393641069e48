-- SPDX-License-Identifier: MIT
--- A file that only one process at a time may write: a token goes round a ring
-- of them, and whoever has it adds the checksum of one more of its files. Once
-- a process dies with the token in hand; the round ends there, and the next one
-- begins where it left off.
--    billiard ring.lua [folder]

local billiard = require "billiard"
local topology = billiard.topology

local N <const> = 3
local folder = arg and arg[1] or "/usr/share/common-licenses"
local found = assert(billiard.run { "find", folder, "-type", "f" }).stdout
local manifest = os.tmpname()
local written = billiard.Array("u32", N) -- how many of its files each has done
local crashes, done = billiard.Value("u8", 0), billiard.Queue()

local function share(i)
   local list, n = {}, 0
   for path in found:gmatch "[^\n]+" do
      if n % N == i - 1 then list[#list + 1] = path end
      n = n + 1
   end
   return list
end

local function add(path)
   local file <close> = assert(io.open(manifest, "a"))
   file:write(assert(billiard.run { "sha256sum", path }).stdout)
end

local function member(i, from, to)
   local mine = share(i)
   if i == 1 then to:send { idle = 0 } end -- also where it is started again
   while true do
      local token = from:recv()
      local path = mine[written[i] + 1]
      token.idle = path and 0 or token.idle + 1
      if path then
         add(path)
         written[i] = written[i] + 1
         if i == 1 and crashes:add(1) == 2 then os.exit(1) end -- the token is lost
      end
      if token.idle == N then done:put(true) end
      to:send(token)
   end
end

local ring <close> = topology.ring { name = "member", n = N, target = member }
assert(ring:start())
repeat assert(not ring.instance:attend(done), "the ring gave up") until done:get(0)
ring:stop()

local checked = assert(billiard.run { "sha256sum", "--quiet", "-c", manifest })
local _, lines = assert(io.open(manifest)):read "a":gsub("\n", "")
local _, files = found:gsub("\n", "")
os.remove(manifest)
print(("%d of %d checksums written by turns, all of them right"):format(lines, files))
assert(checked.exitcode == 0 and lines == files, checked.stdout)
