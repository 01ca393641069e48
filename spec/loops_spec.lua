-- Blocking calls in the loops of other libraries, by set_waiter; and a Poller in
-- them.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local cqueues = require "cqueues"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local socket = require "socket"

local Process, Poller = billiard.Process, billiard.Poller
local LONG <const> = 20 * helper.scale
local cat, finish, until_told = child.cat, child.finish, child.until_told

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
      -- how much there is at once is the pipe's business
      assert.equal("somerest", seen[4] .. seen[5])
      assert.is_true(#seen[4] > 0)
      seen[4], seen[5] = nil, nil
      assert.same({ "one", "two\n", "345", nil, nil, "closed" }, seen)
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
      local function waits(p, letter, next_one)
        return function()
          local result = { letter, p:wait_ready(LONG) }
          seen[#seen + 1] = result
          if next_one then next_one.stdin:write "up\n" end
        end
      end
      run(waits(a, "a"), waits(b, "b", c), waits(c, "c", a),
        function() b.stdin:write "up\n" end)
      assert.same({ { "b", true, "up" }, { "c", true, "" }, { "a", true, "up" } }, seen)
      for _, p in ipairs { a, b, c } do finish(p) end
    end)

    it("hears of an end that another coroutine has seen first", function()
      local calls = {
        join = function(p) return p:join() end,
        wait_ready = function(p) return select(3, p:wait_ready()) end,
        wait = function(p) return #billiard.wait { p } end,
      }
      local seen = {}
      for call, f in pairs(calls) do
        local p = until_told()
        run(function() seen[call] = f(p) end, function()
          p.stdin:close()
          helper.eventually(function() return not p:is_alive() end)
        end)
        finish(p)
      end
      assert.same({ join = true, wait_ready = "StartError", wait = 1 }, seen)
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

describe("a Poller in another loop", function()
  helper.guard()

  it("nests in a Poller", function()
    local inner <close> = Poller()
    local outer <close> = Poller()
    local p = cat()
    inner:add(p.stdout, "stdout")
    outer:add(inner, "inner")
    assert.same({}, outer:wait(0))
    p.stdin:write "x"
    assert.same({ "inner" }, outer:wait(LONG))
    assert.same({ "stdout" }, inner:wait(0))
    assert.equal("x", p.stdout:read(1))
    assert.same({}, outer:wait(0))
    finish(p)
  end)

  it("is polled by cqueues, selected by LuaSocket, waited for by wait", function()
    local poller <close> = Poller()
    local p = cat()
    poller:add(p.stdout, "stdout")
    assert.same({ 0 }, { #socket.select({ poller }, nil, 0) })
    assert.same({}, billiard.wait({ poller }, 0))
    p.stdin:write "x"
    assert.same({ poller }, billiard.wait({ poller }, LONG))
    assert.equal(poller, socket.select({ poller }, nil, LONG)[1])
    local seen
    do
      local loop = cqueues.new()
      loop:wrap(function()
        if cqueues.poll(poller, LONG) == poller then seen = poller:wait(0) end
      end)
      assert(loop:loop(LONG))
    end
    collectgarbage()
    assert.same({ "stdout" }, seen)
    finish(p)
  end)

  it("takes a loop of cqueues", function()
    local poller <close> = Poller()
    local ran = 0
    do
      local loop = cqueues.new()
      loop:wrap(function()
        cqueues.sleep(0.02)
        ran = ran + 1
      end)
      loop:step(0)
      poller:add(loop, "loop")
      while not loop:empty() do
        assert.same({ "loop" }, poller:wait(LONG))
        assert(loop:step(0))
      end
      poller:remove(loop)
    end
    collectgarbage()
    assert.equal(1, ran)
  end)
end)
