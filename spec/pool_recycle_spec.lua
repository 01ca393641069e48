-- A pool's workers are replaced when they have done so many tasks, have grown
-- too large, or are too old; and nothing is lost by it.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local limits = require "spec.fixtures.pool.limits"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = limits.LONG
local MIB <const> = 1024 -- KiB

-- Calls apply(f) again and again until another worker does it; none may fail.
local function until_replaced(pool, f)
  local first = assert(pool:apply(f))
  return helper.eventually(function()
    local pid = assert(pool:apply(f))
    return pid ~= first and pid
  end, LONG), first
end

-- The results of n tasks that return i and their worker's pid: how many tasks
-- each has done.
local function count(pool, n)
  local results, done = {}, {}
  for i = 1, n do
    results[i] = assert(pool:apply_async(function()
      return i, billiard.current_process().pid
    end))
  end
  for i, r in ipairs(results) do
    local value, pid = r:get(LONG)
    assert.equal(i, value)
    done[pid] = (done[pid] or 0) + 1
  end
  return done
end

describe("max_tasks_per_child", function()
  helper.guard()

  it("is what a worker does at most, and all tasks are done", function()
    local pool <close> = limits.pool { processes = 2, max_tasks_per_child = 3 }
    local workers = 0
    for _, done in pairs(count(pool, 30)) do
      assert.is_true(done <= 3)
      workers = workers + 1
    end
    assert.is_true(workers >= 10)
  end)

  it("counts tasks that fail, and a chunk as one", function()
    local pool <close> = limits.pool { max_tasks_per_child = 2 }
    local first = pool:apply(tasks.pid)
    assert.is_nil(pool:apply(error, { "no" }))
    assert.is_true(first ~= pool:apply(tasks.pid))
    local pids = assert(pool:map(tasks.pid, { 1, 2, 3, 4, 5, 6 }, { chunk = 3 }))
    assert.equal(pids[1], pids[3])
    assert.equal(pids[4], pids[6])
  end)
end)

-- A task that keeps so much more each time it is called.
local function hoard()
  local data = billiard.worker.data
  data[#data + 1] = ("x"):rep(4 << 20)
  return billiard.current_process().pid
end

describe("max_memory_per_child", function()
  helper.guard()

  it("replaces a worker that has grown by more", function()
    local pool <close> = limits.pool { max_memory_per_child = 32 * MIB }
    local second, first = until_replaced(pool, hoard)
    assert.is_true(second ~= first)
    until_replaced(pool, hoard) -- the next one, too
  end)

  it("is not about what a task has given back", function()
    if helper.asan then return pending "ASan keeps what is freed" end
    local pool <close> = limits.pool { max_memory_per_child = 32 * MIB }
    local pid = pool:apply(tasks.pid)
    for _ = 1, 20 do
      assert.equal(pid, pool:apply(function()
        local n = #("x"):rep(64 << 20)
        collectgarbage()
        collectgarbage()
        return n == 64 << 20 and billiard.current_process().pid
      end))
    end
  end)

  it("is not about what a task has left to the collector", function()
    if helper.asan then return pending "ASan keeps what is freed" end
    local pool <close> = limits.pool { max_memory_per_child = 16 * MIB }
    local pid = pool:apply(tasks.pid)
    for _ = 1, 10 do
      assert.equal(pid, pool:apply(function()
        local list = {}
        for i = 1, 300000 do list[i] = { i } end
        return #list == 300000 and billiard.current_process().pid
      end))
    end
  end)

  it("is not about what was inherited", function()
    local fat = {}
    for i = 1, 16 do fat[i] = ("x"):rep(8 << 20) end
    local pool <close> = limits.pool { max_memory_per_child = 32 * MIB }
    local pid = pool:apply(tasks.pid)
    for _ = 1, 50 do assert.equal(pid, pool:apply(tasks.pid)) end
    until_replaced(pool, hoard)
    assert.equal(16, #fat)
  end)

  it("has a successor ready before the old worker goes", function()
    local slow <const> = 0.4 * helper.scale
    local pool <close> = limits.pool { max_memory_per_child = 16 * MIB,
      initializer = billiard.sleep, -- busy: slow to come up
      initargs = { slow } } -- busy: slow to start
    local longest, last = 0, billiard.now()
    for _ = 1, 8 do pool:apply(hoard) end
    local first = pool:apply(tasks.pid)
    helper.eventually(function()
      last = billiard.now()
      local pid = assert(pool:apply(tasks.pid))
      longest = math.max(longest, billiard.now() - last)
      return pid ~= first
    end, LONG)
    assert.is_true(longest < slow, "a task had to wait " .. longest)
  end)
end)

describe("max_age", function()
  helper.guard()

  it("replaces a worker that works, and loses nothing", function()
    local pool <close> = limits.pool { max_age = 0.3 * helper.scale }
    until_replaced(pool, tasks.pid)
    until_replaced(pool, tasks.pid)
  end)

  it("replaces idle ones where somebody polls", function()
    local pool <close> = limits.pool { processes = 2, max_age = 0.3 * helper.scale }
    local old = {}
    for _, row in ipairs(pool:workers()) do old[row.pid] = true end
    helper.eventually(function()
      pool:poll(0.05)
      local rows, fresh = pool:workers(), 0
      for _, row in ipairs(rows) do fresh = fresh + (old[row.pid] and 0 or 1) end
      return fresh == #rows and fresh >= 2
    end, LONG)
  end)
end)
