-- Who may hold which end, and handing them on. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local pipes = require "spec.fixtures.pipes"

local Pipe, Process = billiard.Pipe, billiard.Process
local both, child, finish, error_of = pipes.both, pipes.child, pipes.finish, pipes.error_of
local LONG <const> = pipes.LONG

describe("a pipe whose ends a forked child inherits", function()
  helper.guard()

  local function recv_to_end(c)
    while c:recv() do end
  end

  it("is parted: the child keeps the end it was given", function()
    local ways = {
      args = function(c)
        return { target = function(t) recv_to_end(t.deep[1]) end, args = { { deep = { c } } } }
      end,
      kwargs = function(c)
        return { target = function(t) recv_to_end(t.c) end, kwargs = { c = c } }
      end,
      upvalue = function(c) return { target = function() recv_to_end(c) end } end,
      ["upvalue of an upvalue"] = function(c)
        local function inner() recv_to_end(c) end
        return { target = function() inner() end }
      end,
      -- which travels no other way
      ["an object's metatable"] = helper.method == "fork" and function(c)
        local object = setmetatable({}, { __index = { c = c } })
        return { target = function() recv_to_end(object.c) end }
      end or nil,
      ["the key of a table"] = function(c)
        local set = { [c] = true }
        return { target = function() recv_to_end(next(set)) end }
      end,
    }
    for name, spec in pairs(ways) do
      local here, there = Pipe()
      local p = assert(Process(spec(there)):start())
      there:close()
      here:send(name)
      here:close()
      assert.same({ true, "exit", 0 }, { p:join(LONG) }, name)
      p:close()
    end
  end)

  it("is parted by fields and by a class, too", function()
    local here, there = Pipe()
    local Reader = Process:extend "Reader"
    function Reader:run() recv_to_end(self.connection) end
    local p = assert(Reader { fields = { connection = there } }:start())
    there:close()
    here:close()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    here, there = Pipe()
    local Closed = Process:extend "Closed"
    function Closed.run() recv_to_end(there) end
    p = assert(Closed {}:start())
    there:close()
    here:close()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
  end)

  it("stays whole in a child that was given both ends", function()
    local a, b = Pipe()
    local p = assert(Process { target = function(x, y)
      assert(x:send "to myself" and y:recv(LONG) == "to myself")
    end, args = { a, b } }:start())
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    a:close()
    b:close()
  end)

  it("is closed when its parent closes it, whoever was started later", function()
    local list = {}
    for i = 1, 3 do
      local here, p = child(recv_to_end)
      list[i] = { here, p }
    end
    for _, pair in ipairs(list) do finish(pair[1], pair[2]) end
  end)

  helper.only(it, "fork")("is let go of where nothing holds it", function()
    local function count_fds(connection)
      connection:send((helper.fds()))
    end
    local function fds_of_a_child()
      local c, p = child(count_fds)
      local n = c:recv(LONG)
      finish(c, p)
      return n
    end
    local before = fds_of_a_child()
    local list = { { Pipe() }, { Pipe() } }
    assert.equal(before, fds_of_a_child())
    for _, pair in ipairs(list) do
      pair[1]:close()
      pair[2]:close()
    end
  end)

  helper.only(it, "fork")("stays where a loaded module holds it", function()
    local a, b = Pipe()
    package.loaded["spec.bus"] = { publish = function(value) return b:send(value) end }
    local p = assert(Process { target = function()
      return require "spec.bus".publish "from a module"
    end }:start())
    b:close()
    assert.equal("from a module", (a:recv(LONG)))
    package.loaded["spec.bus"] = nil
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    a:close()
  end)

  helper.only(it, "fork")("stays whole in a child that was given neither", function()
    local a, b = Pipe()
    _G.spec_ends = { a, b }
    local p = assert(Process { target = function()
      local ends = _G.spec_ends
      assert(ends[1]:send(1) and ends[2]:recv(LONG) == 1)
    end }:start())
    _G.spec_ends = nil
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    a:close()
    b:close()
  end)

  helper.only(it, "fork")("is not touched where a coroutine may hide an end", function()
    local a, b = Pipe()
    local co = coroutine.wrap(function()
      local hidden = b
      coroutine.yield()
      coroutine.yield(hidden:recv(LONG))
    end)
    co()
    local p = assert(Process { target = function(x)
      x:send "hidden"
      assert(co() == "hidden")
    end, args = { a } }:start())
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    a:close()
    b:close()
  end)

  it("is parted while an end that nobody has any more is collected", function()
    for _ = 1, 20 do
      local c = Pipe() -- the other end is garbage
      local p = assert(Process { target = recv_to_end, args = { c } }:start())
      collectgarbage()
      assert.same({ true, "exit", 0 }, { p:join(LONG) })
      p:close()
      c:close()
    end
  end)
end)

describe("a child's connection", function()
  helper.guard()

  it("shows data sent before the parent closed its end", function()
    local here, there = Pipe()
    local p = Process { target = function(c)
      assert(c:recv(LONG) == "early")
      assert(select(2, c:recv(LONG)) == "closed")
    end, args = { there } }
    here:send "early"
    assert(p:start())
    there:close()
    here:close()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
  end)

  it("goes with a closure over a table that holds it, a function and itself", function()
    local here, there = Pipe()
    local n = 0
    local bag = { connection = there, module = string }
    bag.self = bag
    function bag.add(m)
      n = n + m
      return n
    end
    local p = assert(Process { target = function()
      assert(bag.self == bag and bag.module == string)
      bag.add(20)
      bag.self.connection:send(bag.add(22))
    end }:start())
    there:close()
    assert.equal(42, (here:recv(LONG)))
    assert.equal("closed", select(2, here:recv(LONG)))
    assert.equal(0, n)
    finish(here, p)
  end)

  it("goes with a grandchild", function()
    local c, p = child(function(connection)
      local inner = assert(Process { target = function(x)
        x:send(x:recv() * 2)
      end, args = { connection } }:start())
      inner:join()
    end)
    c:send(21)
    assert.equal(42, (c:recv(LONG)))
    finish(c, p)
  end)

  it("collects in a child without closing the parent's", function()
    local a, b = Pipe()
    local p = assert(Process { target = function()
      a, b = nil, nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
    end }:start())
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    a:send "still"
    assert.equal("still", (b:recv(LONG)))
    a:close()
    b:close()
  end)
end)

describe("a Connection that is sent", function()
  helper.guard()
  local faults = kit.faults()

  it("is another one over there; the sender keeps its own", function()
    local a, b = Pipe()
    local c, p = child(function(connection)
      local got = connection:recv()
      got:send "through the handle"
      connection:send { got, got }
      got:close()
    end)
    c:send(b)
    assert.equal("through the handle", (a:recv(LONG)))
    local pair = c:recv(LONG)
    assert.equal(pair[1], pair[2])
    pair[1]:send "back"
    assert.equal("back", (a:recv(LONG)))
    b:send "kept"
    assert.equal("kept", (a:recv(LONG)))
    for _, x in ipairs { a, b, pair[1] } do x:close() end
    finish(c, p)
  end)

  it("carries what is in it, and itself", function()
    both(function(a, b)
      b:send "before"
      a:send(a)
      local twin <close> = b:recv(LONG)
      assert.equal("before", (twin:recv(LONG)))
    end)
  end)

  it("may have descriptors of 256 and more", function()
    local fillers = {}
    local last
    repeat
      last = assert(faults.open "/dev/null")
      fillers[#fillers + 1] = last
    until last >= 256
    both(function(a, b)
      local x, y = Pipe()
      for _, fd in ipairs(fillers) do faults.close(fd) end
      a:send { y }
      y:close()
      local far <close> = b:recv(LONG)[1]
      far:send "high"
      assert.equal("high", (x:recv(LONG)))
      x:close()
    end)
  end)

  it("is one of at most 125 in a message", function()
    local list = {}
    for i = 1, 63 do list[2 * i - 1], list[2 * i] = Pipe() end
    both(function(a, b)
      assert.matches("more descriptors", error_of(a.send, a, list).path)
      table.remove(list):close()
      a:send(list)
      local got = b:recv(LONG)
      assert.equal(125, #got)
      got[1]:send "first"
      assert.equal("first", (list[2]:recv(LONG)))
      for _, c in ipairs(got) do c:close() end
    end)
    for _, c in ipairs(list) do c:close() end
  end)

  it("closes everything that came with a message that cannot be built", function()
    both(function(a, b)
      local x, y = Pipe()
      local before = helper.fds()
      local mt = billiard.register { __name = "spec.Unbuildable",
        __pack = function() return 1 end, __unpack = function() error("no", 0) end }
      for _ = 1, 10 do
        a:send { x, setmetatable({}, mt), y }
        local value, err, code = b:recv(LONG)
        assert.is_nil(value)
        assert.equal("no", err)
        assert.equal("bad_frame", code)
        collectgarbage()
      end
      assert.equal(before, (helper.fds()))
      a:send "usable"
      assert.equal("usable", (b:recv(LONG)))
      x:close()
      y:close()
    end)
  end)
end)
