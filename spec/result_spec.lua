-- Process:result: what a target returned, of any kind and size, or why there
-- is nothing.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process
local LONG <const> = 30 * helper.scale
local MIB <const> = 1 << 20

local function started(target, more)
  local spec = { target = target, stderr = "null" }
  for key, value in pairs(more or {}) do spec[key] = value end
  return assert(Process(spec):start())
end

-- All that result returns, packed, and p.error.
local function outcome(target, more)
  local p <close> = started(target, more)
  local got = table.pack(p:result(LONG))
  return got, p.error, p.exitcode
end

-- The error of a target that returned nothing for us, checked in its shape.
local function failure(target, more)
  local got, of_process, exitcode = outcome(target, more)
  local none, err, code = table.unpack(got)
  assert.equal(3, got.n)
  assert.is_nil(none)
  assert.equal("billiard.Error", getmetatable(err).__name)
  assert.equal(err.code, code)
  assert.equal(err.exitcode, exitcode)
  assert.equal("integer", math.type(err.pid))
  assert.matches("^Process%-", err.name)
  return err, of_process
end

describe("Process.result", function()
  helper.guard()

  it("is what the target returned", function()
    for _, value in ipairs { true, false, 0, 2^53 | 0, -1.5, math.huge, "", "text", "\0\xff",
      math.mininteger } do
      local got = outcome(function() return value end)
      assert.same({ n = 1, value }, got)
      assert.equal(math.type(value), math.type(got[1]))
    end
  end)

  it("keeps all values, and nils among and behind them", function()
    assert.same({ n = 6, nil, 1, nil, "x", nil, nil },
      outcome(function() return nil, 1, nil, "x", nil, nil end))
    assert.same({ n = 1, nil }, outcome(function() return nil end))
    local many = outcome(function() return table.unpack({}, 1, 5000) end)
    assert.equal(5000, many.n)
  end)

  it("is nothing where the target returned nothing", function()
    assert.same({ n = 0 }, outcome(function() end))
    assert.same({ n = 0 }, outcome(nil))
  end)

  it("keeps tables as they are: nested, shared, cyclic", function()
    local got = outcome(function()
      local shared, cycle = { "s" }, { n = "no count" }
      cycle.me = cycle
      return { shared, { shared } }, shared, cycle
    end)
    assert.equal(3, got.n)
    assert.equal(got[1][1], got[1][2][1])
    assert.equal(got[2], got[1][1])
    assert.equal(got[3], got[3].me)
    assert.equal("no count", got[3].n)
  end)

  it("carries objects of registered types, and errors", function()
    local Point = billiard.register { __name = "result_spec.Point" }
    local got = outcome(function()
      return setmetatable({ x = 1 }, Point), (select(2, pcall(billiard.pack, { io.stdout })))
    end)
    assert.equal(Point, getmetatable(got[1]))
    assert.equal(1, got[1].x)
    assert.equal("billiard.Error", getmetatable(got[2]).__name)
    assert.equal("unsendable", got[2].code)
  end)

  it("carries modules, and C functions of theirs, by name", function()
    assert.same({ n = 3, print, billiard, billiard.now },
      outcome(function() return print, billiard, billiard.now end))
  end)

  it("is the same again and again, and fresh each time", function()
    local p <close> = started(function() return { list = { 1, 2 } }, "x" end)
    local first = table.pack(p:result(LONG))
    first[1].list = "changed here"
    for _ = 1, 3 do assert.same({ n = 2, { list = { 1, 2 } }, "x" }, table.pack(p:result(0))) end
  end)

  it("comes from run where a class has its own, and from run called here", function()
    local Worker = Process:extend "Worker"
    function Worker:run() return self.name, Worker.super.run(self) end
    local w <close> = assert(Worker { target = function(n) return n + 1 end,
      args = { 41 } }:start())
    assert.same({ n = 2, w.name, 42 }, table.pack(w:result(LONG)))
    local here <close> = Process { target = function(...) return ... end, args = { 1, 2 } }
    assert.same({ n = 2, 1, 2 }, table.pack(here:run()))
  end)

  it("may be of any size, up to hundreds of MiB", function()
    for _, size in ipairs { 1, 7000, 7679, 7680, 7681, 65536, 4 * MIB, 4 * MIB + 1, 200 * MIB } do
      local got = outcome(function()
        return ("x"):rep(size - 1) .. "y"
      end)
      assert.equal(1, got.n)
      assert.equal(size, #got[1])
      assert.equal(size, (got[1]:find "[^x]"))
    end
  end)

  it("stands although the process was killed after its target", function()
    local p <close> = started(function()
      local me = billiard.current_process().pid
      billiard.at_exit(function() os.execute("kill -KILL " .. me) end)
      return "done"
    end)
    assert.same({ n = 1, "done" }, table.pack(p:result(LONG)))
    assert.equal(-9, p.exitcode)
  end)

  it("comes also from a child that may write files of a few bytes only", function()
    local got = outcome(function() return ("x"):rep(MIB) end, { limits = { fsize = 100 } })
    assert.equal(MIB, #got[1])
  end)

  it("gives the time and the process back that it cannot have", function()
    local p = child.until_told()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(p:result(0)))
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(p:result(0.01)))
    p.stdin:write "line\n"
    assert.same({ n = 1, "line" }, table.pack(p:result(LONG)))
    child.finish(p)
  end)

  it("lets other coroutines go on while it waits", function()
    finally(function() billiard.set_waiter() end)
    billiard.set_waiter(function(object)
      return coroutine.isyieldable() and coroutine.yield(object)
    end)
    local p = child.until_told()
    local co = coroutine.create(function() return p:result() end)
    assert.same({ true, p }, { coroutine.resume(co) })
    p.stdin:write "line\n"
    p:join(LONG)
    assert.same({ true, "line" }, { coroutine.resume(co, true) })
    child.finish(p)
  end)

  it("is refused with the reason before start, for commands and for others", function()
    local p <close> = Process { target = print }
    kit.raises(function() p:result() end, "result: Process is not started")
    local c <close> = assert(Process { command = { "true" } }:start())
    kit.raises(function() c:result() end, "result: a command returns nothing")
    local q = child.until_told()
    local timeout = select(2, pcall(q.result, q, "soon"))
    local err = failure(function() q:result() end)
    child.finish(q)
    assert.matches("number of seconds expected, got string", timeout)
    assert.matches("belongs to process", err.message)
    kit.raises(function() q:result() end, "result: Process is closed")
    kit.raises(function() billiard.current_process():result() end, "the one that runs this")
  end)
end)

describe("Without a result", function()
  helper.guard()
  local faults = kit.faults()

  it("an error is what the target died of", function()
    local err, of_process = failure(function() error "boom" end)
    assert.equal("RemoteError", err.code)
    assert.matches("^spec/result_spec.lua:%d+: boom$", err.message)
    assert.matches("stack traceback:.*result_spec.lua", err.traceback)
    assert.equal(1, err.exitcode)
    assert.is_nil(err.value)
    assert.equal(of_process, err)
  end)

  it("the error keeps a message and a traceback of any length", function()
    local err = failure(function() error(("x"):rep(MIB), 0) end)
    assert.equal(MIB, #err.message)
    assert.matches("stack traceback", err.traceback)
  end)

  it("the error has what was raised, where that is no string", function()
    local function value(raised) return failure(function() error(raised) end).value end
    assert.same({ kind = "own", list = { 1, 2 } }, value { kind = "own", list = { 1, 2 } })
    assert.equal(42, value(42))
    assert.is_false(value(false))
    assert.is_nil(value(nil))
    assert.is_nil(value "text")
  end)

  it("what was raised is left out where it cannot travel", function()
    local err = failure(function() error(io.stdout) end)
    assert.matches("^file %(", err.message)
    assert.is_nil(err.value)
    err = failure(function() error { 1, handle = io.stdout } end)
    assert.equal("(error object is a table value)", err.message)
    assert.is_nil(err.value)
  end)

  it("what was raised is left out where its type is known to the child only", function()
    local err = failure(function()
      local T = billiard.register { __name = "result_spec.Lonely", __tostring = function()
        return "lonely"
      end }
      error(setmetatable({}, T))
    end)
    assert.equal("lonely", err.message)
    assert.is_nil(err.value)
  end)

  it("an Error that was raised keeps its code, and is the value", function()
    local err = failure(function()
      local p <close> = Process { target = function() error("inner", 0) end, stderr = "null" }
      p:start()
      error((select(2, p:result())))
    end)
    assert.equal("RemoteError", err.code)
    assert.equal("inner", err.message)
    local inner = err.value
    assert.equal("billiard.Error", getmetatable(inner).__name)
    assert.matches("^Process%-%d+:1$", inner.name)
    assert.are_not.equal(err.pid, inner.pid)
  end)

  it("a result that cannot travel is named by its path, and no failure of the target", function()
    local err, of_process = failure(function() return 1, { file = { io.stdout } } end)
    assert.equal("unsendable", err.code)
    assert.matches("result%[2%]%.file%[1%]: userdata", err.path)
    assert.matches("cannot send " .. err.path:gsub("%p", "%%%0"), err.message)
    assert.equal(0, err.exitcode)
    assert.is_nil(of_process)
    assert.matches("result%[1%]: a Connection", failure(billiard.Pipe).path)
    err = failure(function() return function() end end)
    assert.equal("result[1]: function", err.path)
    assert.matches("only data goes up: .*Pipe{ functions = true }", err.message)
  end)

  it("a result that cannot be built here is a bad frame", function()
    local err = failure(function()
      return setmetatable({}, billiard.register { __name = "result_spec.Unknown" })
    end)
    assert.equal("bad_frame", err.code)
    assert.matches("result_spec.Unknown", err.message)
  end)

  it("a __pack that raises is told", function()
    local T = billiard.register { __name = "result_spec.Refuses",
      __pack = function() error("not today", 0) end, __unpack = function() end }
    local err = failure(function() return setmetatable({}, T) end)
    assert.equal("RemoteError", err.code)
    assert.matches("not today", err.message)
  end)

  it("the way of the end is told: a signal, or a status", function()
    local err, of_process = failure(function() os.execute "kill -9 $PPID" end)
    assert.equal("WorkerLostError", err.code)
    assert.equal(9, err.signal)
    assert.equal("ended by SIGKILL without a result", err.message)
    assert.is_nil(of_process)
    for status, leave in pairs { [3] = os.exit, [0] = os.exit, [7] = billiard.exit,
      [5] = function(n) faults.exit(n) end } do
      err = failure(function() leave(status) end)
      assert.equal("WorkerLostError", err.code)
      assert.equal(status, err.exitcode)
      assert.is_nil(err.signal)
    end
    assert.equal(0, failure(function() faults.exit(0) end).exitcode)
  end)

  it("controlled termination is told, whether the child unwinds or has to be killed", function()
    for grace, stubborn in pairs { [5] = false, [0.05] = true } do
      local p <close> = started(function()
        billiard.ready()
        repeat pcall(billiard.sleep, 3600) until not stubborn
        billiard.sleep(3600)
      end)
      p:wait_ready(LONG)
      p:terminate_controlled(grace)
      if not stubborn then p:terminate_controlled(grace) end
      local none, err, code = p:result(LONG)
      assert.is_nil(none)
      assert.equal("Terminated", code)
      assert.equal("Terminated", err.code)
      assert.equal(-err.signal, p.exitcode)
    end
  end)

  it("a limit is told", function()
    local err = failure(function() while true do end end, { limits = { cpu = 1 } })
    assert.equal("TimeLimitExceeded", err.code)
  end)

  it("a child without memory tells that", function()
    if helper.asan then pending "address space limits do not hold under ASan" end
    local file <close> = io.open "/proc/self/statm"
    local room = file:read "n" * 4096 + 150 * MIB
    local err = failure(function() return ("x"):rep(70 * MIB) end, { limits = { as = room } })
    assert.matches("not enough memory", err.message)
    err = failure(function() return ("x"):rep(200 * MIB) end, { limits = { as = room } })
    assert.matches("not enough memory", err.message)
    assert.equal(1, err.exitcode)
  end)

  it("a parent that may not have large files gets the short ones", function()
    local long, short, text = table.unpack((outcome(function()
      local function of(target)
        local p <close> = started(target)
        return p:result()
      end
      local _, err = of(function() return ("x"):rep(MIB) end)
      return err, of(function() return ("x"):rep(1000) end),
        select(2, of(function() error(("long "):rep(10000)) end))
    end, { limits = { fsize = MIB } })))
    assert.equal("EFBIG", long.code)
    assert.matches("result", long.message)
    assert.equal(1000, #short)
    assert.matches("long long", text.message)
  end)
end)
