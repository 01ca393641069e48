-- billiard.Pipe: whole messages between processes. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local pipes = require "spec.fixtures.pipes"

local Pipe, Process = billiard.Pipe, billiard.Process
local both, child, echo, finish, error_of = pipes.both, pipes.child, pipes.echo, pipes.finish,
  pipes.error_of
local LONG <const> = pipes.LONG

describe("a Connection", function()
  helper.guard()

  it("carries values there and back", function()
    local c, p = echo()
    local shared = { 1, 2.5, "three" }
    local values = { true, false, 7, -0.0, math.mininteger, math.huge, "", "\0\255",
      ("x"):rep(5000), ("y"):rep(1 << 20), shared, { shared, shared, deep = { shared } } }
    for _, value in ipairs(values) do
      assert.is_true(c:send(value))
      assert.same(value, (c:recv(LONG)))
    end
    c:send { shared, shared }
    local got = c:recv(LONG)
    assert.equal(got[1], got[2])
    c:send(3.0)
    assert.equal("float", math.type(c:recv(LONG)))
    finish(c, p)
  end)

  it("tells a nil that came from a failure", function()
    both(function(a, b)
      a:send(nil)
      assert.same({ n = 1 }, table.pack(b:recv(LONG)))
      assert.same({ nil, "timeout", "timeout", n = 3 }, table.pack(b:recv(0)))
      a:close()
      assert.same({ nil, "closed", "closed", n = 3 }, table.pack(b:recv(LONG)))
    end)
  end)

  it("carries blocks of bytes, empty ones too, and merges none", function()
    local c, p = child(function(connection)
      for _ = 1, 5 do assert(connection:send_bytes(assert(connection:recv_bytes()))) end
    end)
    for _, bytes in ipairs { "hello", "", "a\0b", ("z"):rep(100000), "" } do
      assert.is_true(c:send_bytes(bytes))
    end
    for _, bytes in ipairs { "hello", "", "a\0b", ("z"):rep(100000), "" } do
      assert.is_true(c:recv_bytes(LONG) == bytes)
    end
    finish(c, p)
  end)

  it("sends the part of a string that is asked for, and raises outside of it", function()
    both(function(a, b)
      local text = "0123456789"
      local function sent(...)
        a:send_bytes(text, ...)
        return b:recv_bytes(LONG)
      end
      assert.equal(text, sent())
      assert.equal("123", sent(2, 4))
      assert.equal("89", sent(-2))
      assert.equal("45", sent(5, -5))
      assert.equal("", sent(11))
      assert.equal("", sent(4, 3))
      assert.equal("0", sent(nil, 1))
      for _, bad in ipairs { { 0 }, { 12 }, { -11 }, { 1, 11 }, { 1, -12 }, { 2, 99 } } do
        local from = bad[2] == nil
        assert.matches(("position %d is outside of the string: use %s, or negative from its end")
          :format(bad[2] or bad[1], from and "1 to 11" or "0 to 10"),
          error_of(a.send_bytes, a, text, table.unpack(bad)), 1, true)
      end
      assert.is_false(b:poll())
    end)
  end)

  it("leaves a message that is too long where it is", function()
    both(function(a, b)
      for _, size in ipairs { 6, 100000 } do
        a:send_bytes(("x"):rep(size))
        local bytes, err, code = b:recv_bytes(LONG, 5)
        assert.is_nil(bytes)
        assert.matches("too big", err)
        assert.equal("too_big", code)
        assert.is_true(b:poll())
        assert.equal(size, #b:recv_bytes(LONG, size))
      end
      a:send_bytes ""
      assert.equal("", b:recv_bytes(LONG, 0))
    end)
  end)

  it("says by poll whether there is a message, or the end", function()
    both(function(a, b)
      assert.is_false(b:poll())
      assert.is_false(b:poll(-1))
      local began = billiard.now()
      assert.is_false(b:poll(0.05))
      assert.is_true(billiard.now() - began >= 0.05)
      a:send(nil)
      assert.is_true(b:poll())
      assert.is_true(b:poll(LONG))
      b:recv()
      assert.is_false(b:poll())
      a:close()
      assert.is_true(b:poll(LONG))
      assert.is_true(b:poll())
    end)
  end)

  it("waits no longer than it was told", function()
    both(function(a, b)
      local began = billiard.now()
      assert.equal("timeout", select(2, b:recv(0.05)))
      assert.equal("timeout", select(2, b:recv_bytes(0.05)))
      assert.is_true(billiard.now() - began >= 0.1)
      local n = 0
      while a:send(("x"):rep(1000), 0) do n = n + 1 end
      assert.equal("timeout", select(2, a:send(("x"):rep(1000), 0.05)))
      for _ = 1, n do assert.equal(1000, #b:recv(LONG)) end
      assert.equal("timeout", select(2, b:recv(0)))
    end)
  end)

  it("gives what was sent before the other end closed, then the end", function()
    local c, p = child(function(connection)
      for i = 1, 3 do connection:send(i) end
      connection:send(("x"):rep(100000))
      connection:close()
      assert(connection.closed)
    end)
    p:join(LONG)
    for i = 1, 3 do assert.equal(i, (c:recv(LONG))) end
    assert.equal(100000, #c:recv(LONG))
    assert.equal("closed", select(2, c:recv(LONG)))
    assert.equal("closed", select(2, c:recv(0)))
    finish(c, p)
  end)

  it("is the same for several processes: each message goes to one", function()
    local jobs, work = Pipe()
    local results, out = Pipe(false)
    local workers = {}
    for i = 1, 3 do
      workers[i] = assert(Process { target = function()
        while true do
          local n = work:recv()
          if not n then return end
          out:send(n)
        end
      end, args = { work, out } }:start())
    end
    work:close()
    out:close()
    for i = 1, 300 do jobs:send(i) end
    local seen = {}
    for _ = 1, 300 do
      local n = results:recv(LONG)
      assert.is_nil(seen[n])
      seen[n] = true
    end
    jobs:close()
    assert.equal("closed", select(2, results:recv(LONG)))
    results:close()
    for _, p in ipairs(workers) do
      assert.same({ true, "exit", 0 }, { p:join(LONG) })
      p:close()
    end
  end)

  it("shows what it is", function()
    local a, b = Pipe()
    local reader, writer = Pipe(false)
    assert.matches("^<Connection%(fd %d+%)>$", tostring(a))
    assert.matches("^<Connection%(fd %d+, .*only%)>$", tostring(reader))
    assert.same({ false, true, true }, { a.closed, a.readable, a.writable })
    assert.same({ false, true, false }, { reader.closed, reader.readable, reader.writable })
    assert.same({ false, false, true }, { writer.closed, writer.readable, writer.writable })
    assert.is_nil(a.nonsense)
    for _, c in ipairs { a, b, reader, writer } do
      c:close()
      assert.equal("<Connection(closed)>", tostring(c))
      assert.same({ true, false, false }, { c.closed, c.readable, c.writable })
    end
  end)

  it("goes one way if asked", function()
    for _, options in ipairs { false, { duplex = false } } do
      both(function(reader, writer)
        writer:send "x"
        assert.equal("x", reader:recv(LONG))
        assert.matches("only receives", error_of(reader.send, reader, 1))
        assert.matches("only receives", error_of(reader.send_bytes, reader, ""))
        for _, method in ipairs { "recv", "recv_bytes", "poll" } do
          assert.matches("only sends", error_of(writer[method], writer, 0))
        end
        reader:close()
        writer:send(1, LONG)
        assert.equal("closed", select(2, writer:send(2, LONG)))
      end, options)
    end
  end)

  it("U12: closes twice, and is refused afterwards", function()
    local a, b = Pipe()
    a:close()
    a:close()
    for _, method in ipairs { "send", "send_bytes", "recv", "recv_bytes", "poll", "fileno",
      "pollfd", "getfd" } do
      assert.matches("^" .. method .. ": Connection is closed$", error_of(a[method], a, ""))
    end
    do local _ <close> = b end
    assert.is_true(b.closed)
  end)

  it("U01: raises misuse at the caller, with the parameter", function()
    local a, b = Pipe()
    local cases = {
      { "Pipe", Pipe, 1 }, { "unknown option 'duplx'", Pipe, { duplx = true } },
      { "'functions' must be a boolean", Pipe, { functions = 1 } },
      { "value expected", a.send, a }, { "string expected", a.send_bytes, a, 12 },
      { "number", a.send, a, 1, "soon" }, { "NaN", a.recv, a, 0 / 0 },
      { "number", a.recv, a, true }, { "negative", a.recv_bytes, a, 0, -1 },
      { "number", a.recv_bytes, a, 0, "x" }, { "Connection", a.send, {}, 1 },
      { "Connection", a.recv, io.stdout }, { "Connection", a.close, 1 },
    }
    for _, case in ipairs(cases) do
      assert.matches(case[1], error_of(table.unpack(case, 2)))
    end
    assert.is_false(b:poll())
    a:close()
    b:close()
  end)

  it("refuses what cannot travel with the path to it, and sends nothing", function()
    both(function(a, b)
      local err = error_of(a.send, a, { 1, { socket = io.stdout } })
      assert.equal("unsendable", err.code)
      assert.equal("value[2].socket: userdata", err.path)
      assert.matches("connection_spec.lua:%d+: cannot send", error_of(function()
        a:send(coroutine.create(print))
      end).message)
      local closed = Pipe()
      closed:close()
      assert.matches("closed", error_of(a.send, a, { closed }).path)
      assert.is_false(b:poll())
      a:send "next"
      assert.equal("next", b:recv(LONG))
    end)
  end)

  it("lets a __pack and an __unpack use connections", function()
    local a, b = Pipe()
    local other, far = Pipe()
    local mt = billiard.register { __name = "spec.Nested",
      __pack = function(o)
        other:send(o[1])
        return far:recv(LONG)
      end,
      __unpack = function(v)
        other:send { v }
        return far:recv(LONG)
      end }
    a:send { setmetatable({ "in" }, mt), "out" }
    assert.same({ { "in" }, "out" }, (b:recv(LONG)))
    for _, c in ipairs { a, b, other, far } do c:close() end
  end)

  it("carries several large messages both ways at once", function()
    local c, p = child(function(connection)
      local text = ("c"):rep(8 << 20)
      for _ = 1, 3 do assert(connection:send(text)) end
      for _ = 1, 3 do assert(#connection:recv() == 8 << 20) end
    end)
    local text = ("p"):rep(8 << 20)
    for _ = 1, 3 do assert.is_true(c:send(text, LONG)) end
    for _ = 1, 3 do assert.equal(8 << 20, #c:recv(LONG)) end
    finish(c, p)
  end)
end)
