-- SPDX-License-Identifier: MIT
-- needs: cqueues
--- One cqueues loop serves a socket and children together: each connection
-- sends a line, a child of its own works on it, its answer goes back.

local billiard = require "billiard"
local cqueues = require "cqueues"
local socket = require "cqueues.socket"

-- With this every blocking call of billiard lets the other coroutines go on.
billiard.set_waiter(function(object, seconds)
   cqueues.poll(object, seconds)
   local fd = object:pollfd()
   if fd then cqueues.cancel(fd) end -- we may close it before the next step
end)

local loop, server = cqueues.new(), assert(socket.listen("127.0.0.1", 0))
local _, host, port = server:localname()

local function serve(connection)
   local p <close> = assert(billiard.Process {
      target = function(text) io.write(text:upper(), "\n") end,
      args = { connection:read() }, stdout = "pipe",
   }:start())
   connection:write(p.stdout:read("l", 10), "\n")
   assert(p:join() and p.stdout:close())
   connection:close()
end

loop:wrap(function()
   for _ = 1, 3 do loop:wrap(serve, server:accept()) end
end)
for i, word in ipairs { "one", "two", "three" } do
   loop:wrap(function()
      local client = assert(socket.connect(host, port):write(word, "\n"))
      assert(client:read() == word:upper())
      print(i, word)
   end)
end
assert(loop:loop())
