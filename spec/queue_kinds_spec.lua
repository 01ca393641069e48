-- JoinableQueue and SimpleQueue; queues that travel. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local queues = require "spec.fixtures.queues"

local LONG <const> = queues.LONG
local start, finish = queues.start, queues.finish

describe("billiard.JoinableQueue", function()
  helper.guard()

  it("is joined when all that was put is done", function()
    local q <close> = assert(billiard.JoinableQueue())
    assert.is_true(q:join(0))
    for i = 1, 20 do q:put(i) end
    local workers = {}
    for i = 1, 3 do
      workers[i] = start(function()
        while q:get() do assert(q:task_done()) end
      end)
    end
    assert.is_true(q:join(LONG))
    assert.equal(0, q:qsize())
    q:shutdown()
    finish(table.unpack(workers))
  end)

  it("waits for what was got and is not done", function()
    local q <close> = assert(billiard.JoinableQueue(2))
    q:put(1)
    q:get()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(q:join(0.03)))
    q:task_done()
    assert.is_true(q:join())
  end)

  it("F04: counts what is done once: the next one's end is still waited for", function()
    local q <close> = assert(billiard.JoinableQueue())
    q:put "first"
    q:put "second"
    assert.has_error(function() q:task_done() end) -- nobody has got any
    q:get()
    assert.is_true(q:task_done())
    for _ = 1, 3 do
      assert.has_error(function() q:task_done() end)
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(q:join(0)))
    end
    assert.same({ "second", true, true }, { q:get(0), q:task_done(), q:join(0) })
  end)

  it("raises for more done than got", function()
    local q <close> = assert(billiard.JoinableQueue())
    q:put(1)
    local ok, err = pcall(function() q:task_done() end)
    assert.is_false(ok)
    assert.truthy(err:find("spec/queue_kinds_spec.lua:%d+: task_done: called more often than get"))
    q:get()
    assert.is_true(q:task_done())
    assert.has_error(function() q:task_done() end)
    assert.equal("<JoinableQueue(0)>", tostring(q))
  end)
end)

describe("billiard.SimpleQueue", function()
  helper.guard()

  it("puts, gets, and knows whether it is empty", function()
    local q <close> = assert(billiard.SimpleQueue())
    assert.is_true(q:empty())
    local p = start(function() q:put { 1, "two" } end)
    assert.same({ 1, "two" }, q:get(LONG))
    finish(p)
    assert.is_true(q:empty())
    q:put(nil)
    assert.is_false(q:empty())
    assert.same({ nil, nil, nil, nil }, { q.qsize, q.full, q.put_nowait, q.join })
    q:close()
    local ok, err = pcall(q.get, q)
    assert.same({ false, "get: SimpleQueue is closed" }, { ok, err })
    assert.has_error(function() billiard.SimpleQueue(3) end)
  end)
end)

describe("a Queue that travels", function()
  helper.guard()

  for _, class in ipairs { "Queue", "JoinableQueue", "SimpleQueue" } do
    it("is the same one behind a connection: " .. class, function()
      local a <close>, b = billiard.Pipe()
      local q <close> = assert(billiard[class]())
      q:put "before"
      assert(a:send { q, again = q })
      local got = assert(b:recv(LONG))
      local other <close> = got[1]
      assert.equal(other, got.again)
      assert.equal("before", other:get(0))
      other:put(("grown"):rep(100000))
      assert.equal(500000, #q:get(0))
      q:close()
      assert.has_error(function() a:send(q) end)
      assert.same({ true, "alone" }, { other:put "alone", other:get(0) })
      b:close()
    end)
  end
end)
