-- What is done with a result of a pool: callbacks, waiting, taking back.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = scene.LONG

local function identity(...) return ... end
local function boom() error("boom", 0) end

describe("callbacks of a pool", function()
  helper.guard()

  local seen
  local function note(word) return function(...) seen[#seen + 1] = { word, ... } end end
  before_each(function() seen = {} end)

  it("come in order, in the owner's call, when the result is there", function()
    local pool <close> = scene.up()
    local pid, began = scene.pids(pool)[1], billiard.now()
    local r
    r = pool:apply_async(identity, { 1, nil, 3, n = 3 }, {
      accept_callback = function(...) note "accepted"(..., r:ready()) end,
      callback = function(...) note "done"(r:get(0)) note "again"(...) end,
      error_callback = note "error" })
    assert.same({}, seen)
    assert.same({ n = 3, 1, nil, 3 }, table.pack(r:get(LONG)))
    assert.equal("accepted", seen[1][1])
    assert.equal(pid, seen[1][2])
    assert.same({ { "done", 1, nil, 3 }, { "again", 1, nil, 3 } }, { seen[2], seen[3] })
    assert.equal(3, #seen)
    assert.is_true(began <= billiard.now())
  end)

  it("say which worker has started it, when, while it runs", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local began = billiard.now()
    local r = pool:apply_async(scene.hold, gate.args, { accept_callback = note "accepted" })
    gate:entered()
    scene.eventually(pool, function() return #seen == 1 end)
    assert.is_false(r:ready())
    assert.is_true(r:accepted())
    assert.same({ "accepted", r:worker_pid() }, { seen[1][1], seen[1][2] })
    assert.is_true(began <= seen[1][3] and seen[1][3] <= billiard.now())
    gate.go:put(true)
    assert.is_true(r:get(LONG))
    assert.equal(1, #seen)
  end)

  it("tell of errors ★, of a map once, and of what is lost, cancelled and ended", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local function opts(word)
      return { callback = note(word), error_callback = function(e) note(word)(e.code) end }
    end
    pool:apply(boom, {}, opts "raised")
    pool:map(boom, { 1, 2, 3 }, opts "map")
    pool:map(identity, { 4 }, opts "good")
    pool:apply(os.exit, { 3 }, opts "lost")
    scene.settle(pool)
    pool:apply_async(scene.hold, gate.args, opts "running")
    gate:entered()
    pool:apply_async(identity, {}, opts "queued"):cancel()
    pool:apply_async(identity, {}, opts "left")
    pool:terminate()
    table.sort(seen, function(a, b) return a[1] < b[1] end)
    assert.same({ { "good", { 4, n = 1 } }, { "left", "Cancelled" }, { "lost", "WorkerLostError" },
      { "map", "RemoteError" }, { "queued", "Cancelled" }, { "raised", "RemoteError" },
      { "running", "Terminated" } }, seen)
  end)

  -- finding 9: in billiard one of map_async ends the whole parent
  it("that raise are logged, and harm nobody ★", function()
    local pool <close> = scene.pool()
    local lines <close> = scene.log()
    assert.equal(3, pool:apply(identity, { 3 }, { callback = boom, accept_callback = boom }))
    assert.same({ 1, n = 1 }, pool:map(identity, { 1 }, { callback = boom }))
    assert.equal("RemoteError", select(3, pool:apply(boom, {}, { error_callback = boom })))
    assert.equal(4, pool:apply(identity, { 4 }))
    local text = table.concat(lines, "\n")
    for _, kind in ipairs { "accept_callback", "callback", "error_callback" } do
      assert.matches(kind .. " failed: boom", text)
    end
  end)

  it("that raise for lack of memory are no exception", function()
    local pool <close> = scene.pool()
    local lines <close> = scene.log()
    local function too_large() return ("x"):rep(1 << 60) end
    assert.equal(5, pool:apply(identity, { 5 }, { callback = too_large }))
    assert.matches("callback failed: .*", table.concat(lines, "\n"))
  end)

  it("may use the pool, and wait for what they have submitted", function()
    local pool <close> = scene.pool()
    local inner
    pool:apply(identity, { 1 }, { callback = function(n)
      inner = pool:apply(identity, { n + 1 })
    end })
    assert.equal(2, inner)
  end)
end)

describe("AsyncResult", function()
  helper.guard()

  it("says timeout in time, and goes on", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local r = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    local began = billiard.now()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(r:get(0.05)))
    assert.is_true(billiard.now() - began >= 0.05)
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(r:wait(0)))
    assert.same({ nil, "timeout", "timeout" }, { r:get(-1) })
    assert.error_matches(function() r:successful() end, "has not ended yet")
    gate.go:put "at last"
    assert.equal("at last", r:get(LONG))
    assert.equal("at last", r:get(0))
    assert.is_true(r:successful())
  end)

  it("keeps its correlation_id, which workers() shows", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local id = { "job", 7 }
    local r = pool:apply_async(scene.hold, gate.args, { correlation_id = id })
    gate:entered()
    assert.equal(id, r.correlation_id)
    local row = pool:workers()[1]
    assert.same({ id, "busy", r:worker_pid() }, { row.task, row.state, row.pid })
    gate.go:put(true)
    r:get(LONG)
  end)

  it("P16: is taken back while it is queued, and is too late once it runs or is done", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local ran <close> = billiard.Value("i64", 0)
    local running = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    local queued = {}
    for i = 1, 30 do queued[i] = pool:apply_async(function() ran:add(1) end) end
    local list = pool:map_async(function() ran:add(1) end, { 1, 2, 3 }, 1)
    assert.equal("too_late", select(3, running:cancel()))
    for i = 1, 30, 2 do assert.is_true(queued[i]:cancel()) end
    assert.is_true(list:cancel())
    gate.go:put "done"
    assert.equal("done", running:get(LONG))
    assert.same({ Cancelled = 15, done = 15 }, scene.tally(queued))
    assert.equal("Cancelled", scene.failure(list).code)
    assert.equal("too_late", select(3, running:cancel()))
    assert.equal("too_late", select(3, queued[1]:cancel()))
    assert.equal(15, ran.value)
    assert.equal(0, pool:stats().restarts)
  end)

  it("P16: is terminated alone ★, running, queued, or finished meanwhile", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local pid = scene.pids(pool)[1]
    local running = pool:apply_async(scene.hold, gate.args)
    local after = pool:apply_async(identity, { 1 })
    local queued = pool:apply_async(identity, { 2 })
    gate:entered()
    assert.is_true(queued:terminate())
    assert.is_true(running:terminate())
    local err = scene.failure(running)
    assert.same({ "Terminated", pid, 9 }, { err.code, err.pid, err.signal })
    assert.equal("Terminated", scene.failure(queued).code)
    assert.equal(1, after:get(LONG))
    local second = scene.settle(pool) and scene.pids(pool)[1]
    local late = pool:apply_async(tasks.pid)
    assert.same({ late }, billiard.wait({ late }, LONG)) -- done, and not taken in
    late:terminate()
    local next_one = pool:apply(tasks.pid)
    local value, _, code = late:get(LONG)
    assert.is_true(value == second and next_one == second or code == "Terminated")
  end)

  it("is ended by the signal that was asked for", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local r = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    assert.is_true(r:terminate "TERM")
    local err = scene.failure(r)
    assert.same({ "Terminated", 15, -15 }, { err.code, err.signal, err.exitcode })
    assert.equal(5, pool:apply(identity, { 5 }))
  end)

  it("hits no successor: terminated at any moment, each task is done or Terminated", function()
    local pool <close> = scene.up { processes = 2 }
    local pairs_of = {}
    for i = 1, 60 do
      local victim = pool:apply_async(tasks.busy, { i % 7 * 1e-4 })
      pairs_of[i] = { victim, pool:apply_async(identity, { i }) }
      pool:poll(i % 5 * 1e-4)
      victim:terminate()
    end
    for i, pair in ipairs(pairs_of) do
      local value, _, code = pair[1]:get(LONG)
      assert.is_true(value ~= nil or code == "Terminated")
      assert.equal(i, pair[2]:get(LONG))
    end
  end)

  it("is not heard of again when it is discarded", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local ran <close> = billiard.Value("i64", 0)
    local called = 0
    local function count() called = called + 1 end
    local opts = { callback = count, error_callback = count }
    local running = pool:apply_async(scene.hold, gate.args, opts)
    gate:entered()
    local queued = pool:apply_async(function() ran:add(1) end, {}, opts)
    running:discard()
    queued:discard()
    gate.go:put(true)
    assert.equal(1, pool:apply(identity, { 1 }))
    assert.same({ "Cancelled", "Cancelled" }, { select(3, running:get()), select(3, queued:get()) })
    assert.same({ 0, 0, 0 }, { called, ran.value, pool:stats().pending })
  end)

  it("comes in the order of the ends from as_completed, within its time", function()
    local pool <close> = scene.up { processes = 2 }
    local gate <close> = scene.gate()
    local results = { pool:apply_async(scene.hold, gate.args) }
    gate:entered()
    for i = 2, 6 do results[i] = pool:apply_async(identity, { i }) end
    local came, last = {}, nil
    for r in billiard.as_completed(results) do
      last = r:get(0)
      came[#came + 1] = last
      if #came == 5 then gate.go:put(1) end
    end
    assert.equal(1, last)
    table.sort(came)
    assert.same({ 1, 2, 3, 4, 5, 6 }, came)
    local stuck = pool:apply_async(scene.hold, gate.args)
    local began, n = billiard.now(), 0
    for _ in billiard.as_completed({ results[2], stuck }, 0.05) do n = n + 1 end
    assert.equal(1, n)
    assert.is_true(billiard.now() - began >= 0.05)
    gate.go:put(true)
    stuck:get(LONG)
  end)

  it("is waited for by wait and a Poller, beside other things", function()
    local pool <close> = scene.up()
    local gate <close> = scene.gate()
    local here, there = billiard.Pipe()
    local _ <close> = here
    local _ <close> = there
    local poller <close> = billiard.Poller()
    repeat until not pool:poll()
    local r = pool:apply_async(scene.hold, gate.args)
    gate:entered()
    there:send "first"
    assert.same({ here }, billiard.wait({ r, here }, LONG))
    here:recv()
    gate.go:put "second"
    assert.same({ r }, billiard.wait({ r, here }, LONG))
    poller:add(r, "task")
    assert.same({ "task" }, poller:wait(LONG))
    assert.equal("second", r:get(0))
    assert.same({ "task" }, poller:wait(LONG))
    poller:remove(r)
  end)
end)
