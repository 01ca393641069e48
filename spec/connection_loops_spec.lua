-- Connections in wait, Pollers and the loops of other libraries.

local billiard = require "billiard"
local cqueues = require "cqueues"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local pipes = require "spec.fixtures.pipes"
local socket = require "socket"

local Pipe, Process = billiard.Pipe, billiard.Process
local both, child, echo, finish = pipes.both, pipes.child, pipes.echo, pipes.finish
local LONG <const> = pipes.LONG

local BLOCK <const> = ("x"):rep(1000)

-- Sends until there is no room; how many messages. Large ones, and those with
-- handles, need other room than small ones.
local function fill(c, block)
  local n = 0
  while c:send(block or BLOCK, 0) do n = n + 1 end
  return n
end

-- Lets the others of the loop go on until f() is true.
local function eventually(f)
  repeat billiard.sleep(0.001) until f()
end

for name, run in pairs(loops) do
  describe("a Connection in " .. name, function()
    helper.guard()
    after_each(function() billiard.set_waiter() end)

    it("lets the others go on while one receives", function()
      local c, p = echo()
      local ticks, got = 0, {}
      run(function()
        for i = 1, 3 do got[i] = c:recv(LONG) end
      end, function()
        for i = 1, 3 do
          billiard.sleep(0.01)
          ticks = ticks + 1
          c:send(i)
        end
      end)
      assert.same({ 1, 2, 3 }, got)
      assert.equal(3, ticks)
      finish(c, p)
    end)

    it("keeps its deadlines", function()
      both(function(a, b)
        local results = {}
        fill(a)
        run(function() results[1] = select(2, a:recv(0.02)) end,
          function() results[2] = select(2, a:send(BLOCK, 0.02)) end,
          function() results[3] = a:poll(0.02) end,
          function() results[4] = select(2, a:recv_bytes(0)) end)
        assert.same({ "timeout", "timeout", false, "timeout" }, results)
        while b:poll() do assert.equal(BLOCK, (b:recv(0))) end
      end)
    end)

    it("sends when there is room", function()
      both(function(a, b)
        local n, got = fill(a), 0
        run(function()
          for _ = 1, 100 do assert.is_true(a:send(BLOCK, LONG)) end
          assert.is_true(a:send(("y"):rep(1 << 20), LONG))
          a:send "last"
        end, function()
          repeat
            local value = assert(b:recv(LONG))
            got = got + 1
          until value == "last"
        end)
        assert.equal(n + 102, got)
      end)
    end)

    it("F15: gives each of several receivers whole messages", function()
      local c, p = child(function(connection)
        for i = 1, 300 do connection:send { i, ("x"):rep(i * 100) } end
      end)
      local seen, n = {}, 0
      local function receiver()
        while true do
          local value, err = c:recv(LONG)
          if not value then return assert.equal("closed", err) end
          assert.equal(value[1] * 100, #value[2])
          assert.is_nil(seen[value[1]])
          seen[value[1]] = true
          n = n + 1
        end
      end
      run(receiver, receiver, receiver)
      assert.equal(300, n)
      finish(c, p)
    end)

    it("U12: tells those who wait that it was closed here", function()
      local a, b = Pipe()
      local results, waiting = {}, 0
      fill(a)
      local function waits(method, ...)
        local arguments = table.pack(...)
        return function()
          waiting = waiting + 1
          results[method] = { select(2, a[method](a, table.unpack(arguments))) }
        end
      end
      run(waits "recv", waits("recv_bytes", LONG), waits("send", BLOCK),
        waits("send_bytes", BLOCK), function()
          eventually(function() return waiting == 4 end)
          a:close()
          assert.is_true(a.closed)
        end)
      local closed = { "closed", "closed" }
      assert.same({ recv = closed, recv_bytes = closed, send = closed, send_bytes = closed },
        results)
      b:close()
    end)

    it("closes for the other side at once, whoever still waits", function()
      both(function(a, b)
        local begun, far
        run(function()
          begun = true
          a:recv()
        end, function()
          eventually(function() return begun end)
          a:close()
          far = select(2, b:recv(0)) -- the waiter has not come back
        end)
        assert.equal("closed", far)
      end)
    end)

    it("sends the handle that was there when it was asked to", function()
      both(function(a, b)
        local n = fill(a, ("x"):rep(20000))
        local x, y = Pipe()
        local begun
        run(function()
          begun = true
          assert.is_true(a:send({ y, BLOCK }, LONG))
        end, function()
          eventually(function() return begun end)
          y:close()
          local z, w = Pipe() -- takes the numbers
          for _ = 1, n do b:recv(LONG) end
          local got = b:recv(LONG)[1]
          x:send "to y"
          assert.equal("to y", (got:recv(LONG)))
          got:close()
          assert.equal("closed", select(2, x:recv(LONG))) -- nobody kept a copy
          z:close()
          w:close()
        end)
        x:close()
      end)
    end)

    it("serves many children in one thread", function()
      local list, sum = {}, 0
      for i = 1, 4 do list[i] = { echo() } end
      local functions = {}
      for i, pair in ipairs(list) do
        functions[i] = function()
          for k = 1, 50 do
            pair[1]:send { i, k }
            local got = pair[1]:recv(LONG)
            assert.same({ i, k }, got)
            sum = sum + 1
          end
        end
      end
      run(table.unpack(functions))
      assert.equal(200, sum)
      for _, pair in ipairs(list) do pair[1]:close() end -- later children have copies
      for _, pair in ipairs(list) do finish(pair[1], pair[2]) end
    end)

    it("is closed by a child while its parent waits", function()
      local a, b = Pipe()
      local begun, c, p
      run(function()
        begun = true
        assert.equal("from the child", (b:recv(LONG)))
        b:close()
        c:send "closed"
      end, function()
        eventually(function() return begun end)
        c, p = child(function(connection, x, y)
          y:close()
          x:send "from the child"
          connection:recv(LONG)
          x:send(1)
          connection:send((select(2, x:send(2))))
        end, a, b)
        a:close()
      end)
      assert.equal("closed", (c:recv(LONG)))
      finish(c, p)
    end)
  end)
end

describe("what waits for connections", function()
  helper.guard()

  it("is wait: messages, ends and processes in order", function()
    local c, p = echo()
    both(function(a, b)
      assert.same({}, billiard.wait({ b, c, p }, 0))
      a:send(1)
      assert.same({ b }, billiard.wait({ b, c, p }, LONG))
      c:send(1)
      helper.eventually(function() return #billiard.wait({ c, p, b }, 0) == 2 end)
      assert.same({ c, b }, billiard.wait({ c, p, b }, LONG))
      b:recv()
      c:recv()
      assert.same({}, billiard.wait({ b, c, p }, 0))
      a:close()
      assert.same({ b, b }, billiard.wait({ b, p, b }, LONG))
    end)
    c:close()
    assert.same({ p }, billiard.wait({ p }, LONG))
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
  end)

  it("is wait: large messages, too, and not for ever", function()
    both(function(a, b)
      a:send(("x"):rep(1 << 20))
      a:send "small"
      for _ = 1, 2 do
        assert.same({ b }, billiard.wait({ b }, LONG))
        assert(b:recv(0))
      end
      local began = billiard.now()
      assert.same({}, billiard.wait({ a, b }, 0.03))
      assert.is_true(billiard.now() - began >= 0.03)
    end)
  end)

  it("is a Poller", function()
    local poller <close> = billiard.Poller()
    local list = {}
    for i = 1, 20 do
      local a, b = Pipe()
      list[i] = { a, b }
      poller:add(b, i)
    end
    assert.same({}, poller:wait(0))
    for _, i in ipairs { 3, 17, 3 } do
      list[i][1]:send(i)
      assert.same({ i }, poller:wait(LONG))
      assert.equal(i, (list[i][2]:recv(0)))
      assert.same({}, poller:wait(0))
    end
    list[5][1]:close()
    assert.same({ 5 }, poller:wait(LONG))
    for _, pair in ipairs(list) do
      poller:remove(pair[2])
      pair[1]:close()
      pair[2]:close()
    end
  end)

  it("is socket.select, and cqueues", function()
    both(function(a, b)
      assert.same({}, (socket.select({ b }, nil, 0)))
      a:send "x"
      assert.equal(b, socket.select({ b }, nil, LONG)[1])
      assert.equal("x", b:recv(0))
      local seen
      local loop = cqueues.new()
      loop:wrap(function()
        seen = cqueues.poll(b, LONG)
        cqueues.cancel(b:pollfd())
      end)
      loop:wrap(function() a:send "y" end)
      assert(loop:loop(LONG))
      assert.equal(b, seen)
      assert.equal("y", b:recv(0))
    end)
    collectgarbage() -- the loop's descriptors
  end)

  it("has its own descriptor in a forked child", function()
    both(function(a, b)
      b:fileno()
      local p = assert(Process { target = function()
        assert(#billiard.wait({ b }, 0) == 0)
        a:send "here"
        assert(billiard.wait({ b }, LONG)[1] == b)
        assert(b:recv(0) == "here")
        assert(#billiard.wait({ b }, 0) == 0)
      end, args = { a, b } }:start())
      assert.same({ true, "exit", 0 }, { p:join(LONG) })
      p:close()
      assert.same({}, billiard.wait({ b }, 0))
      a:send(1)
      assert.same({ b }, billiard.wait({ b }, LONG))
    end)
  end)
end)
