-- Connections on bad days: dead peers, no room, no memory, signals.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local pipes = require "spec.fixtures.pipes"

local Process = billiard.Process
local both, child, finish = pipes.both, pipes.child, pipes.finish
local LONG <const> = pipes.LONG

local BLOCK <const> = ("x"):rep(1000)

describe("a peer that dies", function()
  helper.guard()

  it("F02: at any moment leaves whole messages, then the end", function()
    for k = 1, 25 do
      local c, p = child(function(connection)
        for i = 0, math.huge do connection:send { i, ("x"):rep(i % 7 * 5000) } end
      end)
      local n = 0
      local function take(value)
        assert.equal(n, value[1])
        assert.equal(n % 7 * 5000, #value[2])
        n = n + 1
      end
      for _ = 1, k * 3 do take(assert(c:recv(LONG))) end
      p:kill()
      while true do
        local value, err = c:recv(LONG)
        if not value then
          assert.equal("closed", err)
          break
        end
        take(value)
      end
      assert.same({ true, "signal", 9 }, { p:join(LONG) })
      p:close()
      c:close()
    end
  end)

  it("F14: ends the sender's wait for room", function()
    for _, block in ipairs { BLOCK, ("x"):rep(20000), ("x"):rep(48 << 20) } do
      local c, p = child(function() billiard.sleep(600) end)
      while c:send(block, 0) do end
      local killer = assert(Process { target = function(pid)
        billiard.sleep(0.05) -- busy: so that the sender sleeps
        os.execute("kill -9 " .. pid)
      end, args = { p.pid } }:start())
      assert.same({ nil, "closed", "closed" }, { c:send(block, LONG) })
      assert(killer:join(LONG))
      assert(p:join(LONG))
      killer:close()
      p:close()
      c:close()
    end
  end)

  it("is noticed by the second message at the latest", function()
    for _, fills in ipairs { false, true } do
      local c, p = child(function() billiard.sleep(600) end)
      while fills and c:send(BLOCK, 0) do end
      p:kill()
      assert(p:join(LONG))
      c:send(1, 0)
      assert.same({ nil, "closed", "closed" }, { c:send(2, 0) })
      p:close()
      c:close()
    end
  end)
end)

describe("a connection without room", function()
  helper.guard()
  kit.faults()

  it("R11: bounds the memory under way, and loses nothing", function()
    both(function(a, b)
      local text, n = ("x"):rep(4 << 20), 0
      while a:send(text, 0) do n = n + 1 end
      assert.is_true(n >= 14 and n <= 16, n)
      assert.equal("timeout", select(2, a:send(text, 0.02)))
      for _ = 1, n do assert.equal(4 << 20, #b:recv(LONG)) end
      assert.is_true(a:send(("y"):rep(100 << 20), LONG)) -- one may be of any size
      assert.equal(100 << 20, #b:recv(LONG))
      assert.is_false(b:poll())
    end)
  end)

  it("R13: holds back descriptors of which too many are under way", function()
    local out, err, status = kit.run [[
      assert(faults.become(65534))
      faults.rlimit("nofile", 64)
      local a, b = billiard.Pipe()
      local x, y = billiard.Pipe()
      local n = 0
      while a:send({ y, n }, 0) do n = n + 1 end
      assert(n > 10 and n < 200, n)
      for i = 0, n - 1 do
        local got = assert(b:recv(1))
        assert(got[2] == i)
        got[1]:close()
      end
      assert(a:send({ y, "again" }, 1) and b:recv(1)[2] == "again")
      say(tostring(b:poll()))]]
    assert.equal("", err)
    assert.equal("false\n", out)
    assert.equal(0, status)
  end)

  it("R05: fails the call that lacks memory, and no other", function()
    if helper.asan then pending "address space cannot be limited" end
    local out, err, status = kit.run [[
      local a, b = billiard.Pipe()
      local p = Process { target = function(c)
        local text = ("x"):rep(30 << 20)
        for i = 1, 2 do c:send(text) c:send { i } end
        c:recv()
      end, args = { b } }
      assert(p:start())
      b:close()
      assert(a:poll(10))
      local file = io.open "/proc/self/statm"
      local pages = file:read "n"
      file:close()
      -- room for the message but not for the string, then for neither
      for _, more in ipairs { 45, 10 } do
        collectgarbage()
        faults.rlimit("as", pages * 4096 + (more << 20))
        local ok, value, why, code = pcall(a.recv, a, 10)
        say(tostring(ok), tostring(value), tostring(code))
        faults.rlimit("as", -1)
        if code then say(#a:recv(10)) end -- it stayed
        say(a:recv(10)[1])
      end
      a:close()
      p:join()]]
    assert.equal("", err)
    assert.equal("false not enough memory nil\n1\ntrue nil ENOMEM\n31457280\n2\n", out)
    assert.equal(0, status)
  end)

  it("R05: loses no descriptor in a state that lacks memory", function()
    local why = kit.unembeddable()
    if why then pending(why) end
    local out, err, status = kit.embed("starve", kit.script [[
      local billiard = require "billiard"
      local large = ("x"):rep(200000)
      return function()
        local a, b = billiard.Pipe()
        local c, d = billiard.Pipe(false)
        assert(a:send { large, c, { d } })
        local got = assert(b:recv(0))
        got[3][1]:send_bytes(large, 2)
        assert(#got[2]:recv_bytes(0) == #large - 1)
        a:send(large)
        assert(b:recv(0) == large)
        assert(not b:recv(0.001))
        for _, end_ in ipairs { a, b, c, d, got[2], got[3][1] } do end_:close() end
      end]])
    assert.equal("", err)
    assert.matches("^enough at %d+\n$", out)
    assert.equal(0, status)
  end)

  it("keeps a message until there are descriptors for it", function()
    local out, err, status = kit.run [[
      local a, b = billiard.Pipe()
      local x, y = billiard.Pipe()
      a:send { y, "first" }
      a:send "second"
      local before = faults.rlimit("nofile", 4)
      for _ = 1, 2 do say(select(3, b:recv(1))) end
      faults.rlimit("nofile", before)
      local got = assert(b:recv(1))
      say(got[2], b:recv(1), tostring(b:poll()))
      x:send "through"
      say(got[1]:recv(1))]]
    assert.equal("", err)
    assert.equal("EMFILE\nEMFILE\nfirst second false\nthrough\n", out)
    assert.equal(0, status)
  end)

  it("keeps its messages, and says ENOMEM or EMFILE, where the system has no room", function()
    local out, err, status = kit.run [[
      local a, b = billiard.Pipe()
      local before = faults.rlimit("nofile", 4)
      local value, why, code = billiard.Pipe()
      say(tostring(value), code)
      value, why, code = a:send(("x"):rep(200000))
      say(tostring(value), code)
      say(tostring(a:send("small")))
      faults.rlimit("nofile", before)
      say(b:recv(1), tostring(b:poll()))]]
    assert.equal("", err)
    assert.equal("nil EMFILE\nnil EMFILE\ntrue\nsmall false\n", (out:gsub("ENFILE", "EMFILE")))
    assert.equal(0, status)
  end)
end)

describe("a connection in a storm of signals", function()
  helper.guard()
  local faults = kit.faults()
  local USR1 <const> = 10

  it("sends, receives and polls as without", function()
    faults.on(USR1, "count")
    local storm = assert(Process { target = function(pid)
      while faults.kill(pid, USR1) do billiard.sleep(0.0005) end
    end, args = { helper.pid() } }:start())
    local c, p = child(function(connection)
      while true do
        local value, err = connection:recv()
        if err then return end
        billiard.sleep(0.01)
        connection:send(value)
      end
    end)
    local large = ("x"):rep(8 << 20)
    for i = 1, 30 do
      assert.is_true(c:send(i % 10 == 0 and large or i, LONG))
      assert.is_true(c:poll(LONG))
      assert.equal(i % 10 == 0 and large or i, (c:recv(LONG)))
      assert.is_false(c:poll(0.005))
    end
    storm:kill()
    storm:join(LONG)
    storm:close()
    assert.is_true(faults.counted() > 20)
    faults.on(USR1, "default")
    finish(c, p)
  end)
end)

describe("a child that waits on a connection", function()
  helper.guard()

  it("is interrupted there by controlled termination, and unwinds", function()
    for _, method in ipairs { "recv", "recv_bytes", "poll", "send" } do
      local c, p = child(function(connection, name)
        local _ <close> = setmetatable({}, { __close = function()
          connection:send_bytes("unwound", nil, nil, 0)
        end })
        if name == "send" then
          while connection:send(BLOCK, 0) do end
          connection:send(BLOCK)
        end
        billiard.ready(name)
        connection[name](connection, name == "poll" and 600 or nil)
      end, method)
      if method ~= "send" then assert(p:wait_ready(LONG)) end
      assert.is_true(c:poll(method == "send" and LONG or 0) == (method == "send"))
      p:terminate_controlled(LONG)
      assert.same({ true, "signal", 15 }, { p:join(LONG) })
      assert.equal("Terminated", p.error.code)
      if method ~= "send" then assert.equal("unwound", (c:recv_bytes(LONG))) end
      p:close()
      c:close()
    end
  end)
end)
