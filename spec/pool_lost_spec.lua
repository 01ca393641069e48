-- Workers of a pool that die: what fails of it, and what does not.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local limits = require "spec.fixtures.pool.limits"
local scene = require "spec.fixtures.pool.scene"

local LONG <const> = scene.LONG
local LOST <const> = "WorkerLostError"

local function identity(...) return ... end

-- A task that runs; the result, and who does it.
local function hold(pool, gate, opts)
  local r = assert(pool:apply_async(scene.hold, gate.args, opts))
  gate:entered()
  return r, r:worker_pid()
end

describe("an idle worker", function()
  helper.guard()

  -- finding 2: in billiard it dies with the lock of all, and they hang
  it("P05: may be killed, each in turn ★, and all tasks run", function()
    local pool <close> = scene.up { processes = 3 }
    for i = 1, 3 do
      scene.kill(scene.pids(pool)[i])
      local list = pool:map(identity, { 1, 2, 3, 4, 5, 6 }, 1)
      assert.same({ 1, 2, 3, 4, 5, 6, n = 6 }, list)
      scene.settle(pool)
    end
    assert.equal(0, pool:stats().lost)
  end)

  it("P06: may be killed with all others ★, again and again, and the pool recovers", function()
    local pool <close> = scene.up { processes = 3, max_restarts = 100 }
    for i = 1, 5 do
      for _, pid in ipairs(scene.pids(pool)) do scene.kill(pid) end
      assert.equal(i, pool:apply(identity, { i }))
      scene.settle(pool)
    end
    assert.same({ 0, 5 }, { pool:stats().lost, pool:stats().done })
  end)

  it("P06: ends the pool, killed all too often, and says why", function()
    local pool <close> = scene.up { processes = 2 }
    helper.eventually(function()
      for _, pid in ipairs(scene.pids(pool)) do
        os.execute(("kill -KILL %d 2>/dev/null"):format(pid))
      end
      pool:poll(0.01)
      return pool:stats().state == "ended"
    end, scene.LONG)
    local ok, message = pcall(pool.apply, pool, identity)
    assert.is_false(ok)
    assert.matches("too many workers ended before they did anything: .*SIGKILL", message)
    assert.same({ nil, "RestartFreqExceeded" }, { pool:join(0), select(3, pool:join(0)) })
  end)

  it("P01: dies before it has started what it was given, which then runs once", function()
    local pool <close> = scene.up { processes = 2 }
    local gate <close> = scene.gate()
    local runs <close> = billiard.Value("i64", 0)
    local _, pid = hold(pool, gate)
    local results = {}
    for i = 1, 50 do
      results[i] = pool:apply_async(function()
        runs:add(1)
        return i
      end)
    end
    scene.kill(pid)
    for i, r in ipairs(results) do assert.equal(i, r:get(LONG)) end
    assert.equal(50, runs.value)
    assert.equal(1, pool:stats().lost)
  end)

  it("P01: dies stopped, with tasks that it never saw, which then run once", function()
    local pool <close> = scene.up()
    local runs <close> = billiard.Value("i64", 0)
    local pid = scene.pids(pool)[1]
    scene.kill(pid, "STOP")
    helper.eventually(function() return helper.proc_state(pid) == "T" end)
    local results = {}
    for i = 1, 20 do results[i] = pool:apply_async(function() return runs:add(1) end) end
    scene.kill(pid)
    assert.same({ done = 20 }, scene.tally(results))
    assert.equal(20, runs.value)
  end)
end)

describe("a busy worker", function()
  helper.guard()

  it("P02: fails its task with all that is known of its death ★, and no other", function()
    local pool <close> = scene.up { processes = 2, name = "crunch" }
    local gate <close> = scene.gate()
    local r, pid = hold(pool, gate)
    scene.kill(pid)
    local err = scene.failure(r)
    assert.same({ LOST, pid, -9, 9 }, { err.code, err.pid, err.exitcode, err.signal })
    assert.matches("^crunch%-worker%-%d$", err.name)
    assert.matches("died of SIGKILL", err.message)
    assert.is_true(err.rusage.utime + err.rusage.stime > 0)
    assert.is_nil(err.oom_suspected)
    scene.settle(pool)
    assert.equal(1, pool:apply(identity, { 1 }))
    assert.equal(1, pool:stats().lost)
  end)

  for kind, fails in pairs {
    ["apply"] = function(pool, f) return select(2, pool:apply(f)) end,
    ["a chunk of map"] = function(pool, f) return select(2, pool:map(f, { 1, 2, 3 }, 3)) end,
    ["an item of imap"] = function(pool, f)
      local lost
      for _, _, err in pool:imap(f, { 1 }) do lost = err end
      return lost
    end,
  } do
    it("P02: is missed within 100 ms by " .. kind .. " ★", function()
      local pool <close> = scene.up { processes = 2 }
      local died <close> = billiard.Value("f64", 0)
      local late = {}
      for try = 1, 5 do
        local err = fails(pool, function()
          died.value = billiard.now()
          os.execute "kill -KILL $PPID"
        end)
        late[try] = billiard.now() - died.value
        assert.same({ LOST, 9 }, { err.code, err.signal })
        scene.settle(pool)
      end
      assert.is_true(limits.median(late) < 0.1 * helper.scale, limits.median(late))
    end)
  end

  it("P02: takes its chunk along: the map fails, and says from where", function()
    local pool <close> = scene.up { processes = 2 }
    local err = scene.failure(pool:map_async(function(i)
      if i == 5 then os.exit(3) end
      return i
    end, { 1, 2, 3, 4, 5, 6, 7, 8 }, 2))
    assert.same({ LOST, 3, 5 }, { err.code, err.exitcode, err.index })
    assert.equal(2, pool:apply(identity, { 2 }))
  end)

  it("P02: is tried again where there are attempts, so often and no more", function()
    local pool <close> = scene.up { processes = 2 }
    local runs <close> = billiard.Value("i64", 0)
    local function dies_until(n)
      if runs:add(1) < n then os.exit(4) end
      return runs.value
    end
    assert.equal(3, pool:apply(dies_until, { 3 }, { attempts = 3 }))
    runs.value = 0
    local err = scene.failure(pool:apply_async(dies_until, { 9 }, { attempts = 3 }))
    assert.same({ LOST, 4, 3 }, { err.code, err.exitcode, runs.value })
    runs.value = 0
    scene.failure(pool:apply_async(dies_until, { 9 }))
    assert.equal(1, runs.value)
  end)

  -- billiard #427 and its like: an exit there is a result of the task
  for _, exit in ipairs { { "exit(0)", 0, function() os.exit(0) end },
      { "exit(1)", 1, function() os.exit(1) end },
      { "exit(true, true)", 0, function() os.exit(true, true) end },
      { "_exit(9)", 9, function()
        local unwind = setmetatable({}, { __close = function() error "closed" end })
        local _ <close> = unwind
        os.exit(9, false)
      end } } do
    it("P04: that leaves by " .. exit[1] .. " is reported ★, and the pool goes on", function()
      local pool <close> = scene.up()
      for _ = 1, 3 do
        local err = scene.failure(pool:apply_async(exit[3]))
        assert.same({ LOST, exit[2] }, { err.code, err.exitcode })
        assert.is_nil(err.signal)
        assert.matches("exited with " .. exit[2], err.message)
      end
      assert.equal(1, pool:apply(identity, { 1 }))
    end)
  end

  it("delivers what it had done before it died", function()
    local pool <close> = scene.up()
    for _ = 1, 20 do
      local results = {}
      for i = 1, 5 do results[i] = pool:apply_async(identity, { i }) end
      local last = pool:apply_async(os.exit, { 7 })
      scene.await_gone(scene.pids(pool))
      for i, r in ipairs(results) do assert.equal(i, r:get(LONG)) end
      assert.equal(7, scene.failure(last).exitcode)
      scene.settle(pool)
    end
  end)

  it("P20: that waits for what its own pool would do for it gives up in time", function()
    local pool <close> = scene.up()
    local asks, answers = billiard.Pipe()
    local _ <close> = asks
    local _ <close> = answers
    local outer = pool:apply_async(function(c)
      c:send "please"
      return c:recv(0.05)
    end, { answers })
    assert.equal("please", asks:recv(LONG))
    local inner = pool:apply_async(identity, { 1 })
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(outer:get(LONG)))
    assert.equal(1, inner:get(LONG))
  end)

  it("P20: cannot get at the pool that it works for", function()
    local pool <close> = scene.up()
    local ok, err = pcall(pool.apply, pool, function() return pool:apply(identity) end)
    assert.is_false(ok)
    assert.matches("Pool belongs to process " .. pool.pid, tostring(err))
  end)
end)
