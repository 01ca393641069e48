-- SPDX-License-Identifier: MIT
-- Values to bytes and back, beside lua-cjson in the same process.

local billiard = require "billiard"
local measure = require "bench.measure"

local ok, cjson = pcall(require, "cjson")

local ROUNDS <const>, TIMES <const> = 60, 20

-- 1 000 keys: 125 records of 8, nested one deep.
local function records()
   local t = {}
   for i = 1, 125 do
      t[i] = { id = i, name = "record number " .. i, score = i * 0.37,
         active = i % 2 == 0, count = i * 1000003,
         place = { x = i / 7, y = -i / 3 } }
   end
   return t
end

local function there_and_back(encode, decode, value)
   return measure.time(function()
      for _ = 1, TIMES do decode(encode(value)) end
   end) / TIMES
end

local function against_cjson(name, value, times)
   local function ours()
      return there_and_back(billiard.pack, billiard.unpack, value)
   end
   local function theirs()
      return ok and there_and_back(cjson.encode, cjson.decode, value) or 0
   end
   local mine, peer = measure.interleave(ROUNDS, ours, theirs)
   measure.seconds { name = name, value = mine, peer = ok and peer or nil,
      goal = times and { peer = times } }
end

local function large_string()
   local text = ("x"):rep(64 << 20)
   -- the least that makes a new string of as many bytes in Lua
   local built, packed = measure.interleave(5,
      function() return measure.time(string.rep, text, 1) end,
      function() return measure.time(billiard.pack, text) end)
   measure.seconds { name = "pack 64 MiB string", value = packed,
      floor = built }
end

against_cjson("pack+unpack 1000 keys", records(), 2)
against_cjson("pack+unpack {x=1}", { x = 1 })
large_string()
