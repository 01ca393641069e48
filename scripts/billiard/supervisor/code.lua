-- SPDX-License-Identifier: MIT
--- What a Lua function does, as a string: its precompiled code without the
-- numbers of its lines, which `string.dump` keeps even where it strips all
-- else. A function that only moved in its file is the same.
-- @module billiard.supervisor.code

-- The shape of Lua 5.4's precompiled code; the sizes that it starts with are
-- those of the one interpreter, which compares with itself only.
local HEADER <const> = 4 + 1 + 1 + 6 + 3
local INSTRUCTION <const>, NUMBER <const> = 4, 8
-- bytes of a constant by its type; strings have a length of their own
local CONSTANTS <const> = { [0x00] = 0, [0x01] = 0, [0x11] = 0,
                            [0x03] = NUMBER, [0x13] = NUMBER }

local Reader = {}
Reader.__index = Reader

function Reader:skip(n) self.at = self.at + n end

function Reader:byte()
   self.at = self.at + 1
   return self.text:byte(self.at - 1)
end

-- Seven bits a byte, the last one is marked.
function Reader:number()
   local n = 0
   while true do
      local byte = self:byte()
      n = n << 7 | byte & 0x7f
      if byte & 0x80 ~= 0 then return n end
   end
end

function Reader:string()
   local size = self:number()
   if size > 0 then self:skip(size - 1) end
end

function Reader:constants()
   for _ = 1, self:number() do
      local size = CONSTANTS[self:byte()]
      if size then self:skip(size) else self:string() end
   end
end

-- What is told of variables and lines, of which a stripped one has none.
function Reader:debug()
   self:skip(self:number())
   for _ = 1, self:number() do self:number() self:number() end
   for _ = 1, self:number() do
      self:string()
      self:number()
      self:number()
   end
   for _ = 1, self:number() do self:string() end
end

function Reader:keep(from)
   self.parts[#self.parts + 1] = self.text:sub(from, self.at - 1)
end

function Reader:proto()
   self:string() -- its source
   self:number()
   self:number() -- its lines
   local from = self.at
   self:skip(3)
   self:skip(self:number() * INSTRUCTION)
   self:constants()
   self:skip(self:number() * 3) -- upvalues
   self:keep(from)
   for _ = 1, self:number() do self:proto() end
   self:debug()
end

local function without_lines(text)
   local reader = setmetatable({ text = text, parts = {},
      at = HEADER + 1 + 2 * NUMBER + 1 }, Reader)
   reader:proto()
   return table.concat(reader.parts, ";")
end

--- The code of f; nil where that is not Lua's.
return function(f)
   local ok, text = pcall(string.dump, f, true)
   return ok and without_lines(text) or nil
end
