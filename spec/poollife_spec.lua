-- The workers of a pool and its end, over a core of the test's own.

local fakecore = require "spec.fixtures.pool.fakecore"

local fake
local identity, boom = fakecore.identity, fakecore.boom
local code_of, misuses = fakecore.code_of, fakecore.misuses

local function new(options) return fake:pool(options) end
local function manual(options) return fake:manual(options) end

describe("billiard.pool, its life:", function()
  before_each(function() fake = fakecore.install() end)
  after_each(function() getmetatable(fake).__close(fake) end)

  describe("a lost worker", function()
    it("fails its task with all that is known of the death", function()
      local r = manual(1):apply_async(identity)
      local w = fake:begin()
      fake:die(0)
      local _, err, code = r:get(0)
      assert.equal("WorkerLostError", code)
      assert.same({ w.process.pid, w.process.name, -9, 9 },
        { err.pid, err.name, err.exitcode, err.signal })
      assert.truthy(err.message:find("died of SIGKILL", 1, true))
    end)

    it("is replaced, and the hooks are told", function()
      local seen = {}
      local pool = manual { processes = 1,
        on_process_up = function(row) seen[#seen + 1] = "up " .. row.name end,
        on_process_down = function(row, exit)
          seen[#seen + 1] = ("down %d %s"):format(row.index, exit.text)
        end }
      pool:apply_async(identity)
      fake:begin()
      fake:die(0)
      while pool:poll() do end
      assert.same({ "up " .. pool.name .. "-worker-1", "down 1 died of SIGKILL",
        "up " .. pool.name .. "-worker-2" }, seen)
    end)
  end)

  it("may be shrunk where a worker's end is told", function()
    local pool, shrunk
    pool = manual { processes = 2, on_process_down = function()
      if shrunk then return end
      pool:shrink()
      shrunk = true
    end }
    fake:die(1)
    repeat until not pool:poll()
    assert.True(shrunk)
    assert.equal(1, fake:pids())
    assert.equal(1, pool:stats().up)
  end)

  describe("the end", function()
    it("lets what was submitted be done before join returns", function()
      local pool = new(2)
      local r = pool:map_async(identity, { 1, 2, 3 }, 1)
      pool:close()
      misuses(function() pool:apply(identity) end, " is closed")
      assert.error_matches(function() pool:grow() end, " is closed")
      assert.True(pool:join())
      assert.equal(3, r:get()[3])
      assert.equal(0, fake:pids())
      assert.equal("ended", pool:stats().state)
    end)

    it("must come before join", function()
      misuses(function() new():join() end, "close%(%) or terminate%(%)")
    end)

    it("takes a timeout", function()
      local pool = manual(1)
      pool:apply_async(identity)
      pool:close()
      assert.same({ nil, "timeout", "timeout" }, { pool:join(1) })
      fake:run()
      assert.True(pool:join(1))
    end)

    it("is at once for terminate: started tasks are Terminated, others Cancelled", function()
      local pool, called = manual(1), {}
      local opts = { error_callback = function(e) called[#called + 1] = e.code end }
      local a = pool:apply_async(identity, {}, opts)
      local b = pool:apply_async(identity, {}, opts)
      local c = pool:map_async(identity, { 1, 2 }, 1)
      fake:begin()
      pool:terminate()
      assert.same({ "Terminated", "Cancelled", "Cancelled" },
        { code_of(a), code_of(b), code_of(c) })
      table.sort(called)
      assert.same({ "Cancelled", "Terminated" }, called)
      assert.equal(0, fake:pids())
      assert.True(pool:join())
      pool:terminate()
      assert.True(fake.core.closed)
    end)

    it("comes with the scope", function()
      local r
      do
        local pool <close> = manual(1)
        r = pool:apply_async(identity)
      end
      assert.equal("Cancelled", code_of(r))
      assert.equal(0, fake:pids())
    end)

    it("comes with the collector, without waiting", function()
      manual(2)
      local c = fake.core
      collectgarbage()
      collectgarbage()
      assert.True(c.closed)
      assert.equal(0, fake:pids())
    end)

    it("comes when too many workers end for nothing; all results then say why", function()
      local pool = manual { processes = 2, max_restarts = 2 }
      local a, b = pool:apply_async(identity), pool:apply_async(identity)
      fake:begin()
      fake.behave = function(w, f)
        f.core.workers[w.number].up = false
        f:die(w.number, 1)
        return true
      end
      fake:die(1, 1)
      local _, err, code = b:get()
      assert.equal("RestartFreqExceeded", code)
      assert.truthy(err.message:find("exited with 1", 1, true))
      assert.equal("RestartFreqExceeded", code_of(a))
      assert.error_matches(function() pool:apply(identity) end, "too many workers")
      assert.equal("RestartFreqExceeded", select(3, pool:join()))
      assert.equal("RestartFreqExceeded", select(3, pool:poll()))
    end)
  end)

  describe("its workers", function()
    it("are shown with what they do since when", function()
      local pool = manual(2)
      pool:apply_async(identity, {}, { correlation_id = "job 7" })
      local w = fake:begin()
      local rows = pool:workers()
      assert.equal(2, #rows)
      assert.same({ w.process.pid, 1, "busy", "job 7", fake.clock },
        { rows[1].pid, rows[1].index, rows[1].state, rows[1].task, rows[1].since })
      assert.equal("idle", rows[2].state)
    end)

    it("are shown, too, when one is reaped by others while it is looked at", function()
      local pool, open = manual(1), io.open
      -- ESRCH then; what cannot be read gives nil as well
      io.open = function() return open("/dev/null", "w") end -- luacheck: ignore
      local ok, rows = pcall(pool.workers, pool)
      io.open = open -- luacheck: ignore
      assert.True(ok, rows)
      assert.Nil(rows[1].rss)
    end)

    it("are counted, and so are tasks", function()
      local pool = manual(2)
      local all = { pool:apply_async(identity), pool:apply_async(boom), pool:apply_async(identity),
        pool:apply_async(identity) }
      all[4]:cancel()
      fake:run(2)
      fake:begin()
      pool:poll()
      local stats = pool:stats()
      assert.same({ 4, 1, 1, 1, 1, 1, 2 }, { stats.submitted, stats.pending, stats.done,
        stats.failed, stats.cancelled, stats.busy, stats.up })
    end)

    it("grow and shrink, and are never none", function()
      local pool = manual(1)
      pool:grow(2)
      assert.equal(3, fake:pids())
      pool:shrink(2)
      assert.equal(1, fake:pids())
      assert.error_matches(function() pool:shrink() end, "leaves none of 1 workers")
      assert.error_matches(function() pool:grow(0) end, "n must be an integer of at least 1")
    end)

    it("become more with the demand, and fewer again", function()
      local pool = manual { processes = 1, max = 2, idle_timeout = 5 }
      pool:apply_async(identity)
      pool:apply_async(identity)
      assert.equal(2, fake:pids())
      pool:poll()
      fake:run()
      pool:poll()
      assert.near(5, pool:timeout(), 1e-9)
      pool:poll(6)
      pool:poll()
      assert.equal(1, fake:pids())
    end)

    it("are given no more tasks than max_tasks_per_child", function()
      new { processes = 1, max_tasks_per_child = 7 }
      assert.equal(7, fake:worker(0).max)
    end)
  end)
end)
