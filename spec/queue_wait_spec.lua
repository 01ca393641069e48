-- Queues in wait, in a Poller, in other loops; signals while one waits.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local queues = require "spec.fixtures.queues"
local socket = require "socket"

local Queue = billiard.Queue
local LONG <const> = queues.LONG

describe("a Queue among other things to wait for", function()
  helper.guard()

  it("is ready while there is something in it", function()
    local q <close> = assert(Queue())
    q:put "before"
    local poller <close> = billiard.Poller()
    assert(poller:add(q, "queue"))
    for _ = 1, 3 do
      assert.same({ { q }, { "queue" } }, { billiard.wait({ q }, LONG), poller:wait(LONG) })
      assert.equal(q, socket.select({ q }, nil, LONG)[1])
      assert.is_true(q:dirty())
      while q:get(0) do end
      assert.same({ {}, {} }, { billiard.wait({ q }, 0), poller:wait(0) })
      assert.same({ 0, false }, { #socket.select({ q }, nil, 0), q:dirty() })
      q:put "a"
      q:put "b"
      q:get()
    end
    assert.equal(q:fileno(), q:pollfd())
    assert.same({ "r", nil }, { q:events(), q:timeout() })
    poller:remove(q)
  end)

  it("is ready for all who wait, whoever gets it", function()
    local q <close> = assert(Queue())
    local back <close> = assert(Queue())
    local p = queues.child(function(there)
      there()
      while true do
        billiard.wait { q }
        local value = q:get(0)
        if value then back:put(value) end
      end
    end)
    for i = 1, 200 do
      q:put(i)
      if i % 3 == 0 then
        billiard.wait({ q }, 0)
        local mine = q:get(0)
        if mine then back:put(mine) end
      end
    end
    local sum = 0
    for _ = 1, 200 do sum = sum + assert(back:get(LONG)) end
    assert.equal(200 * 201 // 2, sum)
    queues.kill(p)
  end)

  it("is ready once it is shut down", function()
    local q <close> = assert(Queue())
    assert.same({}, billiard.wait({ q }, 0))
    q:shutdown()
    assert.same({ q }, billiard.wait({ q }, LONG))
    assert.is_true(q:dirty())
  end)
end)

for name, run in pairs(loops) do
  describe("a Queue in " .. name, function()
    helper.guard()
    after_each(function() billiard.set_waiter() end)

    it("lets others go on while one waits to get, to put and to join", function()
      local q <close> = assert(billiard.JoinableQueue(1))
      local log = {}
      local function note(what) log[#log + 1] = what end
      run(function()
        for _ = 1, 3 do note("got " .. q:get()) end
        note(select(2, q:get(0.01)))
      end, function()
        for i = 1, 3 do assert(q:put(i)) end
        note(q:join() and "joined")
      end, function()
        billiard.sleep(0.03) -- busy: what goes on meanwhile
        note(select(2, q:join(0.01)))
        for _ = 1, 3 do q:task_done() end
      end)
      assert.equal("joined", log[#log])
      table.sort(log)
      assert.same({ "empty", "got 1", "got 2", "got 3", "joined", "timeout" }, log)
    end)

    it("has its time-outs, and its end", function()
      local q <close> = assert(Queue(1))
      local put, got, after = nil, nil, {}
      run(function()
        q:put "x"
        put = table.pack(q:put("y", 0.01))
        q:get()
        got = table.pack(q:get(0.01))
        q:put "z"
        after[1] = table.pack(q:put "never")
      end, function()
        helper.eventually(function()
          billiard.sleep(0.001)
          return got and q:full()
        end)
        q:shutdown()
      end)
      assert.same({ n = 3, nil, "full", "full" }, put)
      assert.same({ n = 3, nil, "empty", "empty" }, got)
      assert.same({ { n = 3, nil, "closed", "closed" } }, after)
    end)

    it("talks to a child", function()
      local there <close> = assert(Queue(2))
      local back <close> = assert(Queue(2))
      local p = billiard.Process { target = function()
        for value in function() return there:get() end do back:put(value * value) end
      end }
      assert(p:start())
      local sum = 0
      run(function()
        for i = 1, 50 do assert(there:put(i, LONG)) end
        there:shutdown()
      end, function()
        for _ = 1, 50 do sum = sum + assert(back:get(LONG)) end
      end)
      assert.equal(50 * 51 * 101 // 6, sum)
      assert(p:join(LONG))
      p:close()
    end)
  end)
end

describe("a wait for a Queue", function()
  helper.guard()

  for what, wait in pairs {
    get = function(q) q:get() q:get() end,
    put = function(q) q:put(1) q:put(2) end,
    join = function(q) q:join() end,
  } do
    it("ends by controlled termination, and unwinds: " .. what, function()
      local q <close> = assert(billiard.JoinableQueue(1))
      q:put "in it"
      local unwound <close> = assert(Queue())
      local p = queues.child(function(there)
        local _ <close> = setmetatable({}, { __close = function() unwound:put(true) end })
        there()
        wait(q)
      end)
      helper.eventually(function() return helper.proc_state(p.pid) == "S" end)
      assert(p:terminate_controlled(LONG))
      assert.same({ true, "signal", 15 }, { p:join(LONG) })
      assert.is_true(unwound:get(0))
      p:close()
      assert.same({ "in it", 0 }, { q:get(0) or "in it", q:qsize() })
    end)
  end
end)
