-- SPDX-License-Identifier: MIT
--- What children print, line by line behind their names, to our own stdout
-- and stderr. Nothing here waits: where nobody reads, lines are kept, and
-- when there are many, the children are read no more, so that it is they who
-- wait, as at any pipe; the supervisor goes on.
-- @module billiard.host.output

local core = require "billiard.core"
local system = require "billiard.host.system"

local MUCH <const> = 1 << 18        -- bytes kept before children must wait
local LONG_LINE <const> = 1 << 13   -- is passed on in pieces
local LAST_WORDS <const> = 1        -- seconds for what is left at the end

local Output = {}
Output.__index = Output

local function new_sink(fd)
   return { fd = fd, text = "", more = {}, size = 0, pollfd = function()
      return fd
   end, events = function() return "w" end }
end

local function new(loop)
   return setmetatable({ loop = loop, readers = {}, sinks = {
      stdout = new_sink(1), stderr = new_sink(2) } }, Output)
end

---- writing ----

-- Writes what goes without waiting. Where nobody reads any more it is lost.
local function flush(sink)
   while sink.size > 0 do
      if sink.text == "" then
         sink.text, sink.more = table.concat(sink.more), {}
      end
      local n = system.write(sink.fd, sink.text)
      if not n then
         sink.text, sink.more, sink.size, sink.deaf = "", {}, 0, true
      elseif n == 0 then return
      else
         sink.text, sink.size = sink.text:sub(n + 1), sink.size - n
      end
   end
end

-- Too much is kept: read on only when half of it is gone.
local function is_full(self)
   local size = self.sinks.stdout.size + self.sinks.stderr.size
   self.full = size > (self.full and MUCH // 2 or MUCH)
   return self.full
end

function Output:put(sink, line)
   if sink.deaf then return end
   sink.more[#sink.more + 1] = line
   sink.size = sink.size + #line
end

function Output:settle()
   for _, sink in pairs(self.sinks) do
      flush(sink)
      if sink.size > 0 then
         self.loop:add(sink, function() self:settle() end)
      else
         self.loop:remove(sink)
      end
   end
   local before = self.full
   if is_full(self) == (before or false) then return end
   for reader in pairs(self.readers) do self:listen(reader, not self.full) end
end

--- One line of our own, to stderr.
function Output:say(text)
   self:put(self.sinks.stderr, "billiard | " .. text .. "\n")
   self:settle()
end

---- reading ----

function Output:listen(reader, on)
   if on then
      self.loop:add(reader.fd, function()
         self:read(reader)
         self:settle()
      end)
   else
      self.loop:remove(reader.fd)
   end
end

local function put_lines(self, reader)
   local rest = reader.rest
   local from = 1
   for line, to in rest:gmatch "([^\n]*\n)()" do
      self:put(reader.sink, reader.prefix .. line)
      from = to
   end
   rest = rest:sub(from)
   if #rest > LONG_LINE then
      self:put(reader.sink, reader.prefix .. rest .. "\n")
      rest = ""
   end
   reader.rest = rest
end

-- Takes one piece: true while there may be more now.
function Output:read(reader)
   local piece, _, code = reader.stream:read_some(0)
   if piece then
      reader.rest = reader.rest .. piece
      put_lines(self, reader)
      return true
   elseif code ~= "timeout" then
      self:listen(reader, false)
   end
end

--- From now on what the process prints comes out behind the name.
function Output:attach(name, process)
   for stream, sink in pairs(self.sinks) do
      local from = process[stream]
      if from then
         local reader = { process = process, stream = from, fd = from:fileno(),
            sink = sink, prefix = name .. " | ", rest = "" }
         self.readers[reader] = true
         if not self.full then self:listen(reader, true) end
      end
   end
end

--- It has ended: takes what is left.
function Output:detach(process)
   for reader in pairs(self.readers) do
      if reader.process == process then
         while self:read(reader) do end
         if reader.rest ~= "" then
            self:put(reader.sink, reader.prefix .. reader.rest .. "\n")
         end
         self:listen(reader, false)
         reader.stream:close()
         self.readers[reader] = nil
      end
   end
   self:settle()
end

--- The end: what nobody reads within a moment is dropped.
function Output:finish()
   local deadline = core.now() + LAST_WORDS
   for _, sink in pairs(self.sinks) do
      flush(sink)
      while sink.size > 0 and core.now() < deadline do
         core.wait({ sink }, deadline - core.now())
         flush(sink)
      end
   end
end

return { new = new }
