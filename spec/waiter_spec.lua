-- billiard.set_waiter: who is asked to wait, with what, and when.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"

local Process, Poller = billiard.Process, billiard.Poller
local LONG <const> = 20 * helper.scale
local cat, finish, until_told = child.cat, child.finish, child.until_told

describe("billiard.set_waiter", function()
  helper.guard()
  after_each(function() billiard.set_waiter() end)

  it("hands over what is waited for, and how long", function()
    local p = cat()
    local seen = {}
    billiard.set_waiter(function(object, ...)
      seen[#seen + 1] = { object, object:pollfd(), object:events(), select("#", ...), ... }
      if object == p then p.stdin:close() end
      return false
    end)
    assert.is_nil(p.stdout:read("l", 0.02))
    billiard.sleep(0.02) -- busy: the call that is tested
    assert(p:join())
    local read, sleep, join = table.unpack(seen)
    assert.same({ p.stdout, p.stdout:fileno(), "r", 1 }, { table.unpack(read, 1, 4) })
    assert.is_true(read[5] > 0 and read[5] <= 0.02)
    assert.is_nil(sleep[2])
    assert.is_true(sleep[1]:timeout() <= 0.02)
    assert.same({ p, p.sentinel, "r", 0 }, join)
    finish(p)
  end)

  it("is not asked where nothing has to be waited for", function()
    local p = cat()
    local poller <close> = Poller()
    billiard.set_waiter(function() error "asked" end)
    assert.same({ nil, "timeout" }, { (p:join(0)), (select(2, p:join(0))) })
    assert.is_nil(p.stdout:read("a", 0))
    assert.same({}, billiard.wait({ p }, 0))
    assert.same({}, poller:wait(0))
    assert.is_true(p:is_alive())
    billiard.sleep(0) -- busy: the call that is tested
    p.stdin:write "x"
    billiard.set_waiter()
    assert.equal("x", p.stdout:read(1, LONG))
    p.stdin:close()
    assert(p:join(LONG))
    billiard.set_waiter(function() error "asked" end)
    assert(p:join())
    billiard.set_waiter()
    finish(p)
  end)

  it("may return early, any number of times", function()
    local p = until_told()
    local asked = 0
    billiard.set_waiter(function()
      asked = asked + 1
      if asked == 100 then p.stdin:close() end
    end)
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    assert.is_true(asked >= 100)
    billiard.set_waiter()
    finish(p)
  end)

  it("has the call wait by itself where it returns false", function()
    local p = Process { target = billiard.sleep, args = { 0.02 } } -- busy: in a child
    assert(p:start())
    local asked = 0
    billiard.set_waiter(function()
      asked = asked + 1
      return false
    end)
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    assert.equal(1, asked)
    p:close()
  end)

  it("passes on what the waiter raises", function()
    local p = cat()
    local problem = {}
    billiard.set_waiter(function() error(problem) end)
    for _, call in ipairs {
      function() p:join() end, function() p.stdout:read "a" end, function() billiard.sleep(1) end,
      function() billiard.wait { p } end, function() Poller():wait() end,
      function() p.stdin:write(("x"):rep(1 << 20)) end,
    } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.equal(problem, err)
    end
    billiard.set_waiter()
    finish(p)
  end)

  it("is taken off by nil, also from within", function()
    local p = until_told()
    billiard.set_waiter(function()
      billiard.set_waiter(nil)
      p.stdin:close()
    end)
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    finish(p)
  end)

  it("takes a function or nil", function()
    assert.has_error(function() billiard.set_waiter(true) end)
    assert.has_error(function() billiard.set_waiter {} end)
  end)

  it("works in a child too, which waits for its parent", function()
    local words = child.words(function()
      local result
      loops.cqueues(function() result = { billiard.parent_process():join(0.01) } end)
      io.write(tostring(result[1]), " ", result[2])
    end)
    assert.same({ "nil", "timeout" }, words)
  end)

  it("does not reach children, nor what is done at exit", function()
    local words = child.words(function()
      billiard.sleep(0)
      billiard.set_waiter(function() error "asked" end)
      billiard.at_exit(function()
        local p = Process { target = billiard.sleep, args = { 0.01 } }
        assert(p:start():join())
        io.write("joined ", p.exitcode)
      end)
    end)
    assert.same({ "joined", "0" }, words)
  end)

  it("checks again what others have done meanwhile", function()
    local p = until_told()
    billiard.set_waiter(function()
      p.stdin:close()
      billiard.set_waiter()
      assert(p:join(LONG))
      p:close()
    end)
    local ok, err = pcall(p.join, p)
    assert.is_false(ok)
    assert.matches("Process is closed", err)
  end)

  it("lets controlled termination through while the loop waits", function()
    local p = child.sleeper { target = function()
      billiard.ready()
      loops.cqueues(function() while true do billiard.sleep(0.01) end end)
    end }
    assert(p:wait_ready(LONG))
    assert(p:terminate_controlled(LONG))
    assert(p:join(LONG))
    assert.same({ true, -15 }, { p.controlled, p.exitcode })
    p:close()
  end)
end)
