-- JoinableQueue and SimpleQueue; queues that travel.

local billiard = require "billiard"
local helper = require "spec.helper"
local sync = require "spec.fixtures.sync"

local Process = billiard.Process
local LONG <const> = sync.LONG

-- A child that runs f, which is started and ends by itself.
local function start(f, ...)
  return assert(Process { target = f, args = { ... } }:start())
end

local function finish(...)
  for _, p in ipairs { ... } do
    assert(p:join(LONG))
    if p.exitcode ~= 0 then error(tostring(p.error or p.exitcode), 2) end
    p:close()
  end
end

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

  it("raises for more done than got", function()
    local q <close> = assert(billiard.JoinableQueue())
    q:put(1)
    local ok, err = pcall(function() q:task_done() end)
    assert.is_false(ok)
    assert.truthy(err:find("spec/queue_spec.lua:%d+: task_done: called more often than get"))
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
