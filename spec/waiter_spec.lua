-- billiard.set_waiter: blocking calls that let the others of a loop go on.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local cqueues = require "cqueues"
local helper = require "spec.helper"
local uv = require "luv"

local Process, Poller = billiard.Process, billiard.Poller
local LONG <const> = 20 * helper.scale

local function until_told()
  return assert(Process { stdin = "pipe", target = io.read }:start())
end

local function cat()
  return assert(Process { command = { "cat" }, stdin = "pipe", stdout = "pipe" }:start())
end

local function finish(p)
  p.stdin:close()
  if p.stdout then p.stdout:close() end
  assert(p:join(LONG))
  p:close()
end

-- Two loops, by what a coroutine of theirs does to wait. Each runs functions
-- as coroutines until all have ended, and raises what they raise.
local loops = {}

-- cqueues must be told of a descriptor that may be closed before its next step.
local function wait_in_cqueues(object, seconds)
  cqueues.poll(object, seconds)
  local fd = object:pollfd()
  if fd then cqueues.cancel(fd) end
end

function loops.cqueues(...)
  do
    local loop = cqueues.new()
    for _, f in ipairs { ... } do loop:wrap(f) end
    billiard.set_waiter(wait_in_cqueues)
    local ok, err = loop:loop(LONG)
    billiard.set_waiter()
    if not ok then error(err, 0) end
    assert.is_true(loop:empty())
  end
  collectgarbage() -- the loop's descriptors
end

-- Resumes the coroutine that calls it when the object is ready.
local function wait_in_luv(object, seconds)
  local co = coroutine.running()
  local handles, woken = {}, false
  local function wake()
    if woken then return end
    woken = true
    for _, handle in ipairs(handles) do handle:close() end
    local ok, err = coroutine.resume(co)
    if not ok then error(err, 0) end
  end
  local fd = object:pollfd()
  if fd then
    handles[1] = assert(uv.new_poll(fd))
    handles[1]:start(object:events(), wake)
  end
  if seconds then
    local timer = assert(uv.new_timer())
    timer:start(math.ceil(seconds * 1000), 0, wake)
    handles[#handles + 1] = timer
  end
  coroutine.yield()
end

uv.new_timer():close() -- opens the descriptors of the loop, which stays
uv.run()

function loops.luv(...)
  billiard.set_waiter(wait_in_luv)
  local routines = {}
  for i, f in ipairs { ... } do routines[i] = coroutine.create(f) end
  for _, co in ipairs(routines) do assert(coroutine.resume(co)) end
  uv.run()
  billiard.set_waiter()
  for _, co in ipairs(routines) do assert.equal("dead", coroutine.status(co)) end
end

for name, run in pairs(loops) do
  describe("a blocking call in " .. name, function()
    helper.guard()
    after_each(function() billiard.set_waiter() end)

    it("joins two children at a time, in one thread", function()
      local a, b = until_told(), until_told()
      local order = {}
      run(function()
        assert.same({ true, "exit", 0 }, { a:join(LONG) })
        order[#order + 1] = "a"
      end, function()
        assert.same({ true, "exit", 0 }, { b:join() })
        order[#order + 1] = "b"
        a.stdin:close()
      end, function()
        b.stdin:close()
      end)
      assert.same({ "b", "a" }, order)
      finish(a)
      finish(b)
    end)

    it("reads a stream while another coroutine works", function()
      local p = cat()
      local lines, ticks = {}, 0
      run(function()
        for line in p.stdout:lines() do lines[#lines + 1] = line end
      end, function()
        for i = 1, 3 do
          billiard.sleep(0.01)
          ticks = ticks + 1
          p.stdin:write(i .. "\n")
        end
        p.stdin:close()
      end)
      assert.same({ "1", "2", "3" }, lines)
      assert.equal(3, ticks)
      finish(p)
    end)

    it("reads every format", function()
      local p = cat()
      local seen = {}
      run(function()
        local out = p.stdout
        seen = { out:read("l", LONG), out:read("L", LONG), out:read(3, LONG),
          out:read_some(LONG), out:read("a", LONG) }
        seen[#seen + 1] = select(2, out:read "l")
      end, function()
        for _, piece in ipairs { "o", "ne\ntw", "o\n34", "5", "some", "rest" } do
          p.stdin:write(piece)
          helper.eventually(function()
            billiard.sleep(0.001)
            return billiard.wait({ p.stdout }, 0)[1] == nil
          end)
        end
        p.stdin:close()
      end)
      assert.same({ "one", "two\n", "345", "some", "rest", "closed" }, seen)
      finish(p)
    end)

    it("writes more than a pipe holds while another coroutine reads", function()
      local p = cat()
      local text, got = ("x"):rep(1 << 20), nil
      run(function()
        assert.equal(p.stdin, p.stdin:write(text, LONG))
        p.stdin:close()
      end, function() got = p.stdout:read("a", LONG) end)
      assert.is_true(got == text)
      finish(p)
    end)

    it("waits for a list, and for a Poller", function()
      local a, b = until_told(), until_told()
      local seen = {}
      run(function()
        seen[1] = billiard.wait({ a, b, b }, LONG)
        a.stdin:close()
      end, function()
        local poller <close> = Poller()
        poller:add(a, "a")
        seen[2] = poller:wait(LONG)
      end, function() b.stdin:close() end)
      assert.same({ { b, b }, { "a" } }, seen)
      finish(a)
      finish(b)
    end)

    it("waits for the readiness of several children", function()
      local function target()
        local text = io.read()
        billiard.ready(text)
        io.read()
      end
      local a = assert(Process { stdin = "pipe", target = target }:start())
      local b = assert(Process { stdin = "pipe", target = target }:start())
      local c = assert(Process { stdin = "pipe", ready = { fd = 3 },
        command = { "sh", "-c", "read x; echo >&3; read x" } }:start())
      local seen = {}
      local function waits(p, name, next_one)
        return function()
          local result = { name, p:wait_ready(LONG) }
          seen[#seen + 1] = result
          if next_one then next_one.stdin:write "up\n" end
        end
      end
      run(waits(a, "a"), waits(b, "b", c), waits(c, "c", a),
        function() b.stdin:write "up\n" end)
      assert.same({ { "b", true, "up" }, { "c", true, "" }, { "a", true, "up" } }, seen)
      for _, p in ipairs { a, b, c } do finish(p) end
    end)

    it("runs a program, and ends another", function()
      local result, ended
      local p = child.sleeper()
      run(function() result = billiard.run { "sh", "-c", "read x; echo $x", input = "hello" } end,
        function() ended = table.pack(p:stop()) end)
      assert.same({ "hello\n", 0 }, { result.stdout, result.exitcode })
      assert.same({ true, "signal", 15, n = 3 }, ended)
      p:close()
    end)

    it("ends a Process at the end of its scope", function()
      local pid
      run(function()
        local p <close> = child.sleeper()
        pid = p.pid
      end)
      assert.is_nil(helper.proc_state(pid))
    end)

    it("keeps its deadline", function()
      local p = cat()
      local results = {}
      local began = billiard.now()
      run(function() results[1] = table.pack(p:join(0.02)) end,
        function() results[2] = table.pack(p.stdout:read("a", 0.02)) end,
        function() results[3] = table.pack(billiard.wait({ p }, 0.02)) end,
        function() billiard.sleep(0.02) end)
      assert.is_true(billiard.now() - began >= 0.02)
      assert.same({ { n = 3, nil, "timeout", "timeout" }, { n = 3, nil, "timeout", "timeout" },
        { n = 1, {} } }, results)
      finish(p)
    end)

    it("has a kill carried out that is due", function()
      local p = Process { ready = { fd = 3 }, command = { "sh", "-c",
        "trap '' TERM; echo >&3; while :; do sleep 0.05; done" } }
      assert(p:start():wait_ready(LONG))
      local ended
      run(function()
        p:terminate_controlled(0.05)
        ended = table.pack(p:join())
      end)
      assert.same({ n = 3, true, "signal", 9 }, ended)
      p:close()
    end)

    it("uses descriptor numbers again, call after call", function()
      local n, silent = 0, until_told()
      run(function()
        for _ = 1, 20 do
          local p = Process { target = billiard.sleep, args = { 0.001 } }
          assert(p:start():join(LONG))
          p:close()
          assert.same({}, billiard.wait({ silent }, 0.001))
          n = n + 1
        end
      end, function() billiard.sleep(0.01) end)
      assert.equal(20, n)
      finish(silent)
    end)
  end)
end

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
    billiard.sleep(0.02)
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
    billiard.sleep(0)
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
    local p = Process { target = billiard.sleep, args = { 0.02 } }
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
