-- Functions through connections: downward, and not up. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local pipes = require "spec.fixtures.pipes"

local Pipe, Process = billiard.Pipe, billiard.Process
local child, finish, error_of = pipes.child, pipes.finish, pipes.error_of
local LONG <const> = pipes.LONG

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
      assert.matches("a function, where only data is accepted", err)
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
