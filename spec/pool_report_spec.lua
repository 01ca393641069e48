-- What a pool tells of itself: its workers, its counts, who comes and goes.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = scene.LONG

local function identity(...) return ... end

describe("workers()", function()
  helper.guard()

  it("says who does what since when, and what waits behind it", function()
    local pool <close> = scene.up { processes = 2, name = "crunch" }
    local gate <close> = scene.gate()
    local began = billiard.now()
    local r = pool:apply_async(scene.hold, gate.args, { correlation_id = "job 7" })
    gate:entered()
    local rows = pool:workers()
    assert.equal(2, #rows)
    local busy = rows[1].state == "busy" and rows[1] or rows[2]
    local idle = rows[1].state == "busy" and rows[2] or rows[1]
    assert.same({ "busy", "job 7", r:worker_pid() }, { busy.state, busy.task, busy.pid })
    assert.is_true(busy.since >= began and busy.since <= billiard.now())
    assert.same({ "idle", 0 }, { idle.state, idle.waiting })
    assert.is_nil(idle.task or idle.since)
    for i, row in ipairs(rows) do
      assert.same({ i, "crunch-worker-" .. i }, { row.index, row.name })
      assert.is_true(row.rss > 100, "rss in KiB")
    end
    gate.go:put(true)
    assert.is_true(r:get(LONG))
    scene.eventually(pool, function()
      rows = pool:workers()
      return rows[1].tasks + rows[2].tasks == 1 and rows[1].state == "idle"
    end)
  end)

  it("gives the index of one that ended to its successor", function()
    local pool <close> = scene.up { processes = 3 }
    local before = scene.pids(pool)
    scene.kill(before[2])
    scene.eventually(pool, function()
      local pids = scene.pids(pool)
      return #pids == 3 and pids[2] ~= before[2] and pool:stats().up == 3
    end)
    local rows = pool:workers()
    assert.same({ before[1], before[3], 2 }, { rows[1].pid, rows[3].pid, rows[2].index })
  end)
end)

describe("stats()", function()
  helper.guard()

  it("counts each task once, under what it ended with", function()
    local pool <close> = scene.up { processes = 1 }
    local gate <close> = scene.gate()
    local results = {
      pool:apply_async(identity, { 1 }),
      pool:apply_async(error, { "no" }),
      pool:apply_async(os.exit, { 3 }),
      pool:apply_async(function() while true do end end, {}, { timeout = 0.05 * helper.scale }),
    }
    scene.tally(results)
    scene.settle(pool)
    local held = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    local queued = { pool:apply_async(identity), pool:apply_async(identity) }
    queued[1]:cancel()
    local now = pool:stats()
    assert.same({ 7, 2, 1, 1 }, { now.submitted, now.pending, now.busy, now.up })
    held:terminate()
    assert.equal("Terminated", scene.failure(held).code)
    assert.is_true(queued[2]:wait(LONG))
    local s = pool:stats()
    assert.same({ 7, 0, 2, 1, 1, 1, 1, 1 }, { s.submitted, s.pending, s.done, s.failed, s.lost,
      s.timed_out, s.terminated, s.cancelled })
    assert.same({ "running", 1 }, { s.state, s.processes })
    assert.equal(s.submitted, s.done + s.failed + s.lost + s.timed_out + s.terminated + s.cancelled)
  end)
end)

describe("on_process_up and on_process_down", function()
  helper.guard()

  it("are told of each worker, with how it ended and what that cost", function()
    local up, down = {}, {}
    local pool = scene.up { processes = 2,
      on_process_up = function(row) up[row.pid] = row.name end,
      on_process_down = function(row, exit) down[row.pid] = exit end }
    local pids = scene.pids(pool)
    for _, pid in ipairs(pids) do assert.matches("%-worker%-%d$", up[pid]) end
    scene.kill(pids[1])
    assert.equal(5, scene.failure(pool:apply_async(function()
      os.exit(5)
    end)).exitcode)
    scene.settle(pool)
    assert.same({ -9, 9 }, { down[pids[1]].exitcode, down[pids[1]].signal })
    local exits = {}
    for _, exit in pairs(down) do
      exits[#exits + 1] = exit.exitcode
      assert.equal("number", type(exit.rusage.maxrss))
    end
    table.sort(exits)
    assert.same({ -9, 5 }, exits)
    pool:close()
    assert.is_true(pool:join(LONG))
    for pid in pairs(up) do assert.is_truthy(down[pid], pid .. " is still up") end
  end)

  it("that raise are logged, and harm nobody", function()
    local lines <close> = scene.log()
    local pool <close> = scene.pool { on_process_up = error, on_process_down = error }
    scene.kill(scene.pids(pool)[1])
    assert.equal(1, pool:apply(identity, { 1 }))
    local text = table.concat(lines, "\n")
    assert.matches("on_process_up failed", text)
    assert.matches("on_process_down failed", text)
  end)
end)

describe("max_tasks_per_child", function()
  helper.guard()

  it("P14: of one, with a long backlog, runs every task ★, each in a worker of its own", function()
    local pool <close> = scene.pool { processes = 2, max_tasks_per_child = 1 }
    local results, seen = {}, {}
    for i = 1, 60 do results[i] = pool:apply_async(tasks.pid) end
    for _, r in ipairs(results) do
      local pid = assert(r:get(LONG))
      assert.is_nil(seen[pid])
      seen[pid] = true
    end
    assert.same({ 60, 0 }, { pool:stats().done, pool:stats().restarts })
    pool:close()
    assert.is_true(pool:join(LONG))
  end)

  it("P14: loses nothing where workers die besides", function()
    local pool <close> = scene.pool { processes = 2, max_tasks_per_child = 3 }
    local results = {}
    for i = 1, 60 do
      results[i] = pool:apply_async(i % 10 == 0 and os.exit or identity, { i })
    end
    pool:close()
    assert.is_true(pool:join(LONG))
    assert.same({ done = 54, WorkerLostError = 6 }, scene.tally(results))
  end)
end)
