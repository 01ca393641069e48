-- A pool from its making to its end: size, close, join, terminate.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = scene.LONG

local function identity(...) return ... end

local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

local function sorted(list)
  table.sort(list)
  return list
end

describe("a pool at its start", function()
  helper.guard()

  it("refuses what makes no sense, and starts nothing", function()
    local before = helper.children()
    for _, options in ipairs { 0, -1, 1.5, "2", { processes = 0 }, { processes = -3 },
        { workers = 2 }, { timeout = -1 }, { timeout = 0 }, { timeout = 0 / 0 },
        { soft_timeout = 2, timeout = 2 }, { max_tasks_per_child = 0 },
        { max_tasks_per_child = -1 }, { max_tasks_per_child = "many" },
        { max_memory_per_child = 0 }, { min = 0 }, { min = 2, max = 1 }, { max_restarts = -1 },
        { start_timeout = 0 } } do
      local ok, message = pcall(billiard.Pool, options)
      assert.is_false(ok)
      assert.matches("^spec/pool_life_spec.lua:%d+: Pool: ", message)
    end
    assert.same(before, helper.children())
  end)

  it("returns when one worker is up, and does not wait for slow ones", function()
    local turn <close> = billiard.Value("i64", 0)
    local go <close> = billiard.Event()
    local pool <close> = scene.pool { processes = 3, initializer = function()
      if turn:add(1) > 1 then go:wait() end
    end }
    assert.equal(1, pool:stats().up)
    assert.equal(7, pool:apply(identity, { 7 }))
    go:set()
    scene.settle(pool)
    assert.same({ 1, 2, 3 }, { pool:workers()[1].index, pool:workers()[2].index,
      pool:workers()[3].index })
  end)

  it("may have 64 workers", function()
    local pool <close> = scene.up { processes = 64 }
    local pids, n = {}, 0
    for _, pid in ipairs(pool:map(tasks.pid, numbers(640), 1)) do
      n = n + (pids[pid] and 0 or 1)
      pids[pid] = true
    end
    assert.is_true(n > 16, "only " .. n .. " have worked")
    pool:close()
    assert.is_true(pool:join(LONG))
  end)
end)

describe("a pool's end", function()
  helper.guard()

  -- finding 8: in billiard this takes half a minute
  it("P17: takes less than a second from a map over two workers ★", function()
    local began = billiard.now()
    local pool <close> = scene.pool { processes = 2 }
    local r = pool:map_async(identity, numbers(1000), 10)
    pool:close()
    assert.is_true(pool:join(LONG))
    assert.is_true(billiard.now() - began < helper.scale)
    assert.equal(1000, r:get(0).n)
  end)

  it("P17: delivers every result of what is pending at close ★, in workers' limits too", function()
    local pool <close> = scene.pool { processes = 2, max_tasks_per_child = 7 }
    local results = {}
    for i = 1, 100 do results[i] = pool:apply_async(identity, { i }) end
    local list = pool:map_async(identity, numbers(50), 3)
    pool:close()
    assert.error_matches(function() pool:apply(identity) end, "is closed")
    assert.error_matches(function() pool:map_async(identity, {}) end, "is closed")
    assert.error_matches(function() pool:imap(identity, {}) end, "is closed")
    assert.is_true(pool:join(LONG))
    for i, r in ipairs(results) do assert.equal(i, r:get(0)) end
    assert.equal(50, list:get(0).n)
    assert.equal(0, pool:stats().restarts)
  end)

  it("P17: comes after failing tasks and failing maps as well", function()
    local pool <close> = scene.pool { processes = 2 }
    local results = { pool:map_async(error, { 1, 2, 3 }, 1), pool:apply_async(os.exit, { 1 }),
      pool:apply_async(error, { "x" }), pool:map_async(identity, numbers(10)) }
    pool:close()
    assert.is_true(pool:join(LONG))
    assert.same({ RemoteError = 2, WorkerLostError = 1, done = 1 }, scene.tally(results))
  end)

  it("must be asked for before it is waited for", function()
    local pool <close> = scene.pool()
    assert.error_matches(function() pool:join() end, "close%(%) or terminate%(%)")
    pool:close()
    pool:close()
    assert.is_true(pool:join(LONG))
    assert.is_true(pool:join(0))
    pool:terminate()
    assert.same({ nil, "closed", "closed" }, { pool:poll() })
    assert.is_nil(pool:fileno())
    assert.equal("ended", pool:stats().state)
  end)

  it("says timeout to who does not wait long enough", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local r = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    pool:close()
    assert.same({ nil, "timeout", "timeout" }, { pool:join(0.02) })
    gate.go:put "done"
    assert.is_true(pool:join(LONG))
    assert.equal("done", r:get(0))
  end)

  it("P17: is at once for terminate with 10 000 tasks ★", function()
    local pool <close> = scene.up { processes = 2 }
    local results = {}
    for i = 1, 10000 do results[i] = pool:apply_async(billiard.sleep, { 3600 }) end -- busy: never
    scene.eventually(pool, function() return results[1]:accepted() end)
    local began = billiard.now()
    pool:terminate()
    assert.is_true(pool:join(LONG))
    assert.is_true(billiard.now() - began < 2 * helper.scale)
    local count = scene.tally(results)
    assert.equal(10000, count.Terminated + count.Cancelled)
    assert.is_true(count.Terminated >= 1 and count.Terminated <= 2)
  end)

  -- findings 3 and 16: there it hangs with a busy worker, and get() for ever
  it("P17: is bounded for terminate, whatever workers do ★, and all is resolved", function()
    local ways = {
      function() while true do end end,
      function() while true do pcall(function() while true do end end) end end,
      function() os.execute "kill -STOP $PPID" while true do end end,
      function() os.execute "trap '' TERM INT HUP; sleep 3600; sleep 3600" end,
      tasks.stuck_in_c,
    }
    local pool <close> = scene.up { processes = #ways }
    local here <close> = billiard.Queue()
    local results = {}
    for i, way in ipairs(ways) do
      results[i] = pool:apply_async(function(q)
        q:put(true)
        way()
      end, { here })
    end
    for _ = 1, #ways do
      scene.eventually(pool, function() return here:get(0) end)
    end
    for i = 1, 10 do results[#ways + i] = pool:apply_async(identity, { i }) end
    local pids, began = scene.pids(pool), billiard.now()
    pool:terminate()
    assert.is_true(billiard.now() - began < 2 * helper.scale)
    for _, pid in ipairs(pids) do assert.is_true(scene.is_gone(pid)) end
    assert.same({ Terminated = #ways, Cancelled = 10 }, scene.tally(results))
    assert.is_true(pool:join(0))
    assert.error_matches(function() pool:apply(identity) end, "is terminated")
  end)

  it("P17: comes with its scope, also when that is left by an error", function()
    local r, pids
    pcall(function()
      local pool <close> = scene.up { processes = 2 }
      pids = scene.pids(pool)
      r = pool:apply_async(function() while true do end end)
      scene.eventually(pool, function() return r:accepted() end)
      error "elsewhere"
    end)
    for _, pid in ipairs(pids) do assert.is_true(scene.is_gone(pid)) end
    assert.equal("Terminated", scene.failure(r).code)
  end)

  -- finding 15: in billiard such a pool is immortal
  it("P17: comes with the collector, to one that is joined and to one that is abandoned", function()
    local before = helper.fds()
    local weak = setmetatable({}, { __mode = "k" })
    local function make(ends)
      local pool = scene.up()
      weak[pool] = true
      if ends then
        pool:close()
        pool:join(LONG)
      else
        pool:apply_async(function() while true do end end)
      end
      return ends and {} or scene.pids(pool)
    end
    local pids = {}
    for i = 1, 5 do
      for _, pid in ipairs(make(i % 2 == 0)) do pids[#pids + 1] = pid end
    end
    helper.eventually(function()
      collectgarbage()
      return next(weak) == nil
    end)
    scene.await_gone(pids)
    helper.eventually(function() return #billiard.active_children() == 0 end)
    collectgarbage()
    assert.is_true(helper.fds() <= before)
  end)
end)

describe("the size of a pool", function()
  helper.guard()

  it("grows and shrinks while it is busy, and loses nothing", function()
    local pool <close> = scene.up { processes = 2 }
    local results = {}
    for i = 1, 200 do
      results[i] = pool:apply_async(tasks.busy, { 0.001 })
      if i == 50 then pool:grow(3) end
      if i == 120 then pool:shrink(4) end
    end
    assert.same({ done = 200 }, scene.tally(results))
    scene.settle(pool, 1)
    pool:grow()
    scene.settle(pool, 2)
    assert.same({ 0, 0 }, { pool:stats().restarts, pool:stats().lost })
    assert.error_matches(function() pool:shrink(2) end, "leaves none of 2 workers")
  end)

  it("shrinks by who has nothing to do", function()
    local pool <close> = scene.up { processes = 3 }
    local gate <close> = scene.gate()
    local r = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    pool:shrink(2)
    scene.settle(pool, 1)
    assert.equal(r:worker_pid(), scene.pids(pool)[1])
    gate.go:put "still there"
    assert.equal("still there", r:get(LONG))
  end)

  it("is that of new workers after a restart, while tasks go on", function()
    local pool <close> = scene.up { processes = 2 }
    local old = sorted(scene.pids(pool))
    local results = {}
    for i = 1, 100 do
      results[i] = pool:apply_async(tasks.busy, { 0.001 })
      if i == 50 then pool:restart() end
    end
    assert.same({ done = 100 }, scene.tally(results))
    scene.eventually(pool, function()
      local pids = scene.pids(pool)
      return #pids == 2 and pids[1] ~= old[1] and pids[1] ~= old[2] and pids[2] ~= old[1]
        and pids[2] ~= old[2]
    end)
    assert.equal(0, pool:stats().restarts)
  end)

  it("follows the demand between min and max", function()
    local pool <close> = scene.up { processes = 1, min = 1, max = 3, idle_timeout = 0.05 }
    local gate <close> = scene.gate()
    local results = {}
    for i = 1, 3 do results[i] = pool:apply_async(scene.hold, gate.args) end
    scene.eventually(pool, function() return pool:stats().busy == 3 end)
    for _ = 1, 3 do gate.go:put(true) end
    assert.same({ done = 3 }, scene.tally(results))
    scene.settle(pool, 1)
    assert.equal(1, pool:apply(identity, { 1 }))
  end)
end)
