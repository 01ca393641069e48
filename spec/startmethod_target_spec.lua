-- What a target takes with it, by each start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local starts = require "spec.fixtures.start.kit"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local all <const>, remote <const> = starts.all, starts.remote
local each = starts.each(it)
local result, with_path, failure = starts.result, starts.with_path, starts.failure

-- What no other process can have.
local Private = { __name = "spec.Private",
  __pack = function() return true end,
  __unpack = function() error("it is private", 0) end }
billiard.register(Private)

describe("a target", function()
  helper.guard()

  each(remote, "U05: does not run when what it was given cannot be made", function(method)
    local here <close>, there = billiard.Pipe()
    local err = failure { start_method = method,
      target = function(connection) connection:send "half initialised" end,
      args = { there, setmetatable({}, Private) } }
    there:close()
    assert.matches("it is private", err.message, 1, true)
    assert.same({ nil, "closed", "closed" }, { here:recv(LONG) })
  end)

  each(all, "shares what its upvalues share", function(method)
    local n, t = 0, { name = "t" }
    t.self = t
    local function count() n = n + 1 end
    assert.same({ 2, true, true }, result(method, function(same)
      count()
      count()
      return { n, t.self == t, rawequal(same, t) }
    end, t))
    assert.equal(0, n)
  end)

  each(all, "may close over a table with a connection, a function and itself", function(method)
    local here <close>, there = billiard.Pipe()
    local t = { connection = there, n = 1 }
    t.self = t
    function t.add(x)
      t.n = t.n + x
      t.connection:send { t.n, t.self == t, t.self.add == t.add }
      return t.connection:recv(LONG)
    end
    local p <close> = assert(Process { start_method = method, target = function()
      return t.add(41)
    end }:start())
    there:close()
    assert.same({ 42, true, true }, assert(here:recv(LONG)))
    assert(here:send "and back")
    assert.equal("and back", assert(p:result(LONG)))
    assert.equal(1, t.n)
  end)

  each(all, "U06: is a closure, a method, a callable, a C function by its name", function(method)
    local got = {}
    local Counter = { __name = "spec.Counter" .. method }
    Counter.__index = Counter
    Counter.__call = function(self, x) return self.n + x end
    billiard.register(Counter)
    local counter = setmetatable({ n = 5 }, Counter)
    function Counter:add(x) return self.n + x end
    got[1] = result(method, counter.add, counter, 1)
    got[2] = result(method, counter, 2)
    got[3] = result(method, math.max, 3, 8)
    got[4] = result(method, string.rep, "x", 9)
    assert.same({ 6, 7, 8, "xxxxxxxxx" }, got)
  end)

  each(remote, "U06: that cannot travel is refused with its path", function(method)
    local n = helper.fds()
    for _, row in ipairs {
      { "args[2].x: userdata", { target = print, args = { 1, { x = io.stdout } } } },
      { "kwargs.co: thread", { target = print, kwargs = { co = coroutine.create(print) } } },
      { "fields.f: ", { target = print, fields = { f = io.stdout } } },
      { "target<upvalue file>", { target = (function()
        local file = io.stderr
        return function() return file end
      end)() } },
      { "target: C function", { target = coroutine.wrap(print) } } } do
      row[2].start_method = method
      local p = Process(row[2])
      local ok, err = pcall(function() p:start() end)
      assert.is_false(ok)
      assert.equal("unsendable", err.code)
      assert.matches(row[1], tostring(err), 1, true)
      assert.matches("startmethod_target_spec.lua:%d+: ", tostring(err))
      assert.matches("initial", tostring(p), 1, true)
      p:close()
    end
    assert.equal(n, (helper.fds()))
  end)

  each(remote, "leaves nothing of its arguments in its parent", function(method)
    local function resident()
      local file <close> = assert(io.open "/proc/self/status")
      return tonumber(file:read "a":match "VmRSS:%s+(%d+)")
    end
    if helper.asan then pending "ASan keeps what is freed" end
    local text = ("x"):rep(16 << 20)
    assert.equal(16 << 20, result(method, string.len, text))
    local before = resident()
    collectgarbage "stop"
    for _ = 1, 8 do result(method, string.len, text) end
    local grown = resident() - before
    collectgarbage "restart"
    assert.is_true(grown < 16 << 10, grown)
  end)

  each(remote, "meets an error where it reads a global of its parent's only", function(method)
    rawset(_G, "only_the_parents", 1)
    local err = failure { start_method = method, target = load [[
      absent = absent and 1
      return only_the_parents]] }
    local value = result(method, load [[only_the_parents = 7; return only_the_parents]])
    rawset(_G, "only_the_parents", nil)
    assert.matches("global 'only_the_parents' exists only in the process that started", err.message)
    assert.equal(7, value)
  end)

  it("may be a function of the main script, in the host and in plain Lua", function()
    local script = [[
      local billiard = require "billiard"
      local function double(x) return 2 * x end
      local function main_function(x) return double(x) + #arg end
      for _, method in ipairs { "spawn", "forkserver" } do
        local p = billiard.Process { target = main_function, args = { 20 }, start_method = method }
        print(p:start():result())
        p:join()
      end]]
    -- plain Lua cannot load a module that is built with ASan
    for _, interpreter in ipairs(helper.asan and { "host" } or { "host", "lua" }) do
      local out, err, code = helper.run(script, { interpreter = interpreter, args = { "a", "b" } })
      assert.equal("", err)
      assert.equal(0, code)
      assert.equal("42\n42\n", out)
    end
  end)

  each(all, "U11: that recurses for ever or takes all memory fails, and no other", function(method)
    local function deeper(x) return 1 + deeper(x) end
    local err = failure { start_method = method, target = deeper, args = { 1 } }
    assert.matches("stack overflow", err.message)
    if helper.asan then return end
    err = failure { start_method = method, limits = { as = 300 << 20 }, target = function()
      local s = "x"
      while true do s = s .. s end
    end }
    assert.matches("not enough memory", err.message)
  end)
end)

describe("a module", function()
  helper.guard()

  each(remote, "held in an upvalue is the child's own", function(method)
    with_path(function()
      local tally = require "tally"
      tally.count = 10
      assert.same({ 1, true }, result(method, function()
        tally.add()
        return { tally.count, tally == require "tally" }
      end))
      assert.equal(10, tally.count)
      package.loaded.tally = nil
    end)
  end)

  each(remote, "U07: missing in the child is told with its message, at once", function(method)
    local ghost = { f = function() end }
    package.loaded["spec.ghost"] = ghost
    local err = failure { start_method = method, target = function() ghost.f() end }
    package.loaded["spec.ghost"] = nil
    assert.equal("load_failed", err.code)
    assert.matches("module 'spec.ghost' not found", err.message)
  end)

  each(remote, "U07: that fails in the child is told with its error", function(method)
    with_path(function()
      local moody = require "moody"
      local err = failure { start_method = method, env = { MOODY = "1" },
        target = function() return moody end }
      package.loaded.moody = nil
      assert.equal("load_failed", err.code)
      assert.matches("moody.lua:%d+: not today", err.message)
    end)
  end)

  each(remote, "that starts a process as it is loaded is an error, and no bomb", function(method)
    with_path(function()
      local before = require "billiard".get_start_method()
      billiard.set_start_method(method, true)
      local bomb = require "bomb" -- its own child has gone by now
      local err = failure { target = function() return bomb end }
      billiard.set_start_method(before, true)
      package.loaded.bomb = nil
      assert.equal("load_failed", err.code)
      assert.matches("bomb.lua:%d+: start: a module that is loaded for a child", err.message)
    end)
  end)
end)

describe("types", function()
  helper.guard()

  each(remote, "that the main script registered are there in its children", function(method)
    local Vec = { __name = "spec.Vec." .. method }
    Vec.__index = Vec
    function Vec:len() return #self end
    billiard.register(Vec)
    local got = result(method, function(v)
      return setmetatable({ v:len(), getmetatable(v) == Vec, v.inner:len() }, Vec)
    end, setmetatable({ 1, 2, 3, inner = setmetatable({ 1 }, Vec) }, Vec))
    assert.equal(Vec, getmetatable(got))
    assert.same({ 3, true, 1 }, { got[1], got[2], got[3] })
  end)

  each(remote, "that a module registers are the module's in the child", function(method)
    with_path(function()
      local point = require "point"
      assert.same({ 7, true }, result(method, function(p)
        return { require "point".new(3, 4):sum(), getmetatable(p):is_module() }
      end, point.new(1, 2)))
    end)
  end)
end)
