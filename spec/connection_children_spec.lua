-- Who may hold which end, and who may send functions. Run once per start method.

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

describe("functions in messages", function()
  helper.guard()

  it("travel from the process that made the pipe", function()
    local n = 40
    local c, p = child(function(connection)
      local f = connection:recv()
      connection:send(f(2))
      connection:send(string.format)
      local ok, err = pcall(connection.send, connection, { f })
      connection:send { ok, err.code, err.path }
    end)
    c:send(function(m) return n + m end)
    assert.equal(42, (c:recv(LONG)))
    assert.equal(string.format, (c:recv(LONG)))
    assert.same({ false, "unsendable", "value[1]: function" }, (c:recv(LONG)))
    finish(c, p)
  end)

  it("travel both ways if asked", function()
    local here, there = Pipe { functions = true }
    local p = assert(Process { target = function(c)
      local m = 3
      c:send(function() return m end)
    end, args = { there } }:start())
    there:close()
    assert.equal(3, here:recv(LONG)())
    finish(here, p)
  end)

  it("do not travel through an end that came from below, whoever has it", function()
    local c, p = child(function(connection)
      local mine, yours = Pipe { functions = true }
      connection:send(yours)
      local ok, value = pcall(mine.recv, mine)
      connection:send(ok and value)
      mine:send(function() return "taken over" end)
      mine:recv()
    end)
    local raised = c:recv(LONG)
    assert.equal("value: function", error_of(raised.send, raised, function() end).path)
    raised:send "data"
    assert.equal("data", (c:recv(LONG)))
    assert.same({ nil, "bad_frame" }, { (function(...) return ..., select(3, ...) end)(
      raised:recv(LONG)) })
    -- given on to another child it is still what came from below
    local d, q = child(function(connection)
      local end_ = connection:recv()
      connection:send((pcall(end_.send, end_, function() end)))
      end_:send "go"
    end)
    d:send(raised)
    assert.is_false((d:recv(LONG)))
    raised:close()
    finish(d, q)
    finish(c, p)
  end)

  it("U08: are refused as bytecode from a child that makes its own frames", function()
    local c, p = child(function(connection)
      local f = billiard.pack(function() os.exit(66) end, "down")
      connection:send_bytes(f)
      connection:send_bytes("\x91" .. f)
      connection:send_bytes(billiard.pack(string.dump(function() os.exit(67) end)))
    end)
    for _ = 1, 2 do
      local value, err, code = c:recv(LONG)
      assert.is_nil(value)
      assert.matches("not allowed here", err)
      assert.equal("bad_frame", code)
    end
    assert.equal("string", type(c:recv(LONG)))
    finish(c, p)
  end)

  it("U07: name modules, which a parent does not load for its child", function()
    package.preload["spec.unwanted"] = function() error "was loaded" end
    local c, p = child(function(connection)
      package.loaded["spec.unwanted"] = { f = string.gmatch("", "") }
      connection:send(package.loaded["spec.unwanted"].f)
      connection:send(package.loaded["spec.unwanted"])
    end)
    for _ = 1, 2 do
      assert.same({ n = 3, "module 'spec.unwanted' is not loaded here", "load_failed" },
        (function(...) return { n = select("#", ...), select(2, ...) } end)(c:recv(LONG)))
    end
    package.preload["spec.unwanted"] = nil
    finish(c, p)
  end)
end)
