-- The calls of a pool over a core of the test's own: what they take, and what comes
-- of it, in which order. No process is started here.

local billiard = require "billiard"
local fakecore = require "spec.fixtures.pool.fakecore"

local fake
local identity, boom = fakecore.identity, fakecore.boom
local code_of, misuses = fakecore.code_of, fakecore.misuses

local function new(options) return fake:pool(options) end
local function manual(options) return fake:manual(options) end

describe("billiard.pool, its calls:", function()
  before_each(function() fake = fakecore.install() end)
  after_each(function() getmetatable(fake).__close(fake) end)

  describe("Pool", function()
    local function refuses(options, what)
      local ok, message = pcall(billiard.Pool, options)
      assert.False(ok)
      assert.truthy(message:find(what, 1, true), message)
      assert.truthy(message:find "^spec/poolcalls_spec.lua:%d+: Pool: ", message)
    end

    it("refuses what makes no sense, and says what would", function()
      refuses(0, "option 'processes' must be an integer of at least 1, got 0")
      refuses(-1, "processes")
      refuses("4", "options must be a table, got string")
      refuses({ processes = 1.5 }, "processes")
      refuses({ initializer = 5 }, "option 'initializer' must be a function, got 5")
      refuses({ initargs = 5 }, "initargs")
      refuses({ timeout = 0 }, "timeout")
      refuses({ timeout = 0 / 0 }, "timeout")
      refuses({ soft_timeout = 2, timeout = 1 }, "must be below 'timeout' (1 s)")
      refuses({ max_tasks_per_child = 0 }, "max_tasks_per_child")
      refuses({ max_memory_per_child = -1 }, "max_memory_per_child")
      refuses({ max_restarts = -1 }, "max_restarts")
      refuses({ min = 3, max = 2 }, "option 'min' (3) must not be above 'max' (2)")
      refuses({ processes = 9, max = 2 }, "from 'min' to 'max'")
      refuses({ start_method = "thread" }, 'must be "fork", "forkserver" or "spawn"')
      refuses({ start_timeout = 0 }, "start_timeout")
      refuses({ on_process_up = true }, "on_process_up")
    end)

    it("lists the options there are for one that is unknown", function()
      refuses({ workers = 2 }, "unknown option 'workers' (known: idle_timeout, initargs,")
    end)

    it("has as many workers as processors, within min and max", function()
      local n = billiard.usable_cpu_count()
      assert.equal(n, new {}:stats().processes)
      assert.equal(n, new():stats().processes == 2 and n)
      assert.equal(n + 2, new { min = n + 2, max = n + 4 }:stats().processes)
    end)

    it("returns when one worker is up", function()
      fake.behave = function(w) return w.number ~= 1 end
      local pool = new(3)
      assert.equal(1, pool:stats().up)
    end)

    it("returns the Error of an initializer that fails, and leaves nothing", function()
      local err = require "billiard.core".new_error("RemoteError", "no database")
      err.traceback = "stack traceback: init"
      fake.behave = function(w, f)
        f:tell("failed", w.number, err)
        return true
      end
      local pool, e, code = billiard.Pool(1)
      assert.Nil(pool)
      assert.equal("StartError", code)
      assert.truthy(e.message:find("no worker came up: no database", 1, true))
      assert.truthy(tostring(e):find("stack traceback: init", 1, true))
      assert.equal(0, fake:pids())
      assert.True(fake.core.closed)
    end)

    it("returns an Error when no process can be started", function()
      fake.unstartable = math.huge
      local _, e, code = billiard.Pool(2)
      assert.equal("StartError", code)
      assert.truthy(e.message:find("no more processes", 1, true))
    end)

    it("leaves nothing when one failure is too many and others have begun", function()
      fake.unstartable = 1
      local _, _, code = billiard.Pool { processes = 3, max_restarts = 0 }
      assert.equal("StartError", code)
      assert.equal(0, fake:pids())
    end)
  end)

  describe("apply", function()
    it("returns all that the function returns", function()
      local pool = new()
      assert.same({ n = 3, 1, nil, 3 }, table.pack(pool:apply(identity, { 1, nil, 3, n = 3 })))
      assert.equal(0, select("#", pool:apply(identity)))
      assert.same({ n = 1 }, table.pack(pool:apply(function() return nil end)))
    end)

    it("returns nil, the Error and its code", function()
      local none, err, code = new():apply(boom)
      assert.Nil(none)
      assert.equal("boom", err.message)
      assert.equal("RemoteError", code)
    end)

    it("raises for what is no task, with the position of its caller", function()
      local pool = new()
      for _, f in ipairs { 5, "nothing", {}, "a:b:c" } do
        misuses(function() pool:apply_async(f) end, ": apply: needs a function or")
      end
      misuses(function() pool:apply(identity, 5) end, "args must be a table, got number")
      misuses(function() pool:apply(identity, {}, { chunk = 5 }) end, "unknown option 'chunk'")
      misuses(function() pool.apply(identity, {}) end, "a Pool comes first, got function")
    end)

    it("passes what core raises for a value that cannot travel", function()
      local pool = new()
      fake.unsendable = boom
      local ok, err = pcall(pool.apply, pool, boom)
      assert.False(ok)
      assert.equal("unsendable", err.code)
      assert.equal(0, pool:stats().pending)
    end)

    it("gives tasks the pool's limits, or their own, or none", function()
      local pool = manual { processes = 1, soft_timeout = 5, timeout = 10 }
      pool:apply_async(identity)
      pool:apply_async(identity, {}, { timeout = 3 })
      pool:apply_async(identity, {}, { soft_timeout = 1, timeout = false })
      pool:apply_async(identity, {}, { soft_timeout = false })
      local said = {}
      for i, task in ipairs(fake.core.queue) do said[i] = { task.soft, task.hard } end
      assert.same({ { 5, 10 }, { nil, 3 }, { 1 }, { nil, 10 } }, said)
      assert.error_matches(function()
        pool:apply(identity, {}, { soft_timeout = 10 })
      end, "must be below 'timeout'")
    end)
  end)

  describe("AsyncResult", function()
    it("says what is known of it", function()
      local pool = manual(1)
      local r = pool:apply_async(identity, { 7 })
      assert.False(r:ready())
      assert.False(r:accepted())
      assert.Nil(r:worker_pid())
      misuses(function() r:successful() end, "has not ended yet")
      local w = fake:begin()
      assert.True(r:accepted())
      assert.equal(w.process.pid, r:worker_pid())
      fake:finish(w)
      assert.False(r:ready())
      assert.True(r:wait(0))
      assert.True(r:ready())
      assert.True(r:successful())
      assert.equal(7, r:get())
      assert.equal(7, r:get())
    end)

    it("says timeout, and can be asked again", function()
      local r = manual():apply_async(identity, { 1 })
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(r:get(2)))
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(r:wait(0)))
      fake:run()
      assert.equal(1, r:get(0))
    end)

    it("refuses timeouts that are none", function()
      local r = manual():apply_async(identity)
      for _, timeout in ipairs { 0 / 0, "1", true } do
        misuses(function() r:get(timeout) end, "timeout must be")
      end
    end)

    it("takes back what was not started, once", function()
      local pool = manual(1)
      local first, second = pool:apply_async(identity), pool:apply_async(boom)
      local w = fake:begin()
      assert.True(second:cancel())
      assert.equal("Cancelled", code_of(second))
      assert.same({ nil, "too_late" }, { select(1, first:cancel()), select(3, first:cancel()) })
      assert.equal("too_late", select(3, second:cancel()))
      assert.False(second:accepted())
      fake:finish(w)
      assert.equal(0, fake:run())
      assert.True(first:wait(0))
    end)

    it("is terminated with the worker that does it, and no other", function()
      local pool = manual(2)
      local a, b = pool:apply_async(identity), pool:apply_async(identity)
      local c = pool:apply_async(identity)
      fake:begin()
      local other = fake:begin()
      assert.True(a:terminate "TERM")
      assert.True(c:terminate())
      fake:finish(other)
      assert.equal("Terminated", code_of(a))
      assert.equal("Terminated", code_of(c))
      assert.True(b:wait(0))
      assert.equal("too_late", select(3, a:terminate()))
      assert.equal(2, pool:stats().terminated)
      assert.error_matches(function() b:terminate "FOO" end, "no such signal")
    end)

    it("is not heard of again when it is discarded", function()
      local pool, called = manual(1), 0
      local function count() called = called + 1 end
      local opts = { callback = count, error_callback = count }
      local a, b = pool:apply_async(identity, {}, opts), pool:apply_async(identity, {}, opts)
      local w = fake:begin()
      a:discard()
      b:discard()
      fake:finish(w)
      assert.equal(0, fake:run())
      pool:poll()
      assert.equal(0, called)
      assert.equal("Cancelled", code_of(a))
      assert.equal(0, pool:stats().pending)
    end)

    it("is ready for a loop at once when it has ended", function()
      local r = new():apply_async(identity)
      assert.equal(0, r:fileno())
      assert.Nil(r:timeout())
      r:wait()
      assert.equal(0, r:timeout())
      assert.True(r:dirty())
      assert.equal("r", r:events())
    end)
  end)

  describe("callbacks", function()
    local seen
    local function note(word) return function(...) seen[#seen + 1] = { word, ... } end end
    before_each(function() seen = {} end)

    it("come in order, with all results", function()
      local pool = manual(1)
      local r = pool:apply_async(identity, { 1, 2 }, { callback = note "done",
        error_callback = note "error", accept_callback = note "accepted" })
      fake:run()
      assert.same({}, seen)
      r:get()
      assert.same({ { "accepted", 100001, fake.clock }, { "done", 1, 2 } }, seen)
    end)

    it("see a result that is there", function()
      local r, got
      r = manual(1):apply_async(identity, { 5 }, { callback = function() got = r:get(0) end })
      fake:run()
      r:wait()
      assert.equal(5, got)
    end)

    it("tell of an error, of a map too", function()
      local pool = new()
      pool:apply(boom, {}, { error_callback = function(e) seen[1] = e.message end })
      pool:map(boom, { 1 }, { error_callback = function(e) seen[2] = e.message end })
      pool:map(identity, {}, { callback = function(list) seen[3] = list.n end })
      assert.same({ "boom", "boom", 0 }, seen)
    end)

    it("that raise are logged, and harm nobody", function()
      local lines = {}
      local function line(_, text) lines[#lines + 1] = text end
      billiard.set_logger { debug = line, info = line, warn = line, error = line }
      local pool = new()
      assert.equal(3, pool:apply(identity, { 3 }, { callback = boom, accept_callback = boom }))
      assert.equal(4, pool:apply(identity, { 4 }))
      billiard.set_logger(nil)
      assert.equal(2, #lines)
      assert.truthy(lines[1]:find("accept_callback failed: boom", 1, true))
    end)

    it("may use the pool", function()
      local pool, inner = new(1), nil
      pool:apply(identity, { 1 }, { callback = function() inner = pool:apply(identity, { 2 }) end })
      assert.equal(2, inner)
    end)

    it("tell of limits, the soft one once", function()
      local pool = manual(1)
      local r = pool:apply_async(identity, {}, { soft_timeout = 1, timeout = 2,
        timeout_callback = note "limit",
        error_callback = function(e) seen[#seen + 1] = e.code end })
      fake:begin()
      fake:tell("soft", r.ticket, 0)
      fake:die(0, -9, "limit")
      r:wait()
      assert.same({ { "limit", "soft", 1 }, { "limit", "hard", 2 }, "TimeLimitExceeded" }, seen)
    end)
  end)

  it("belongs to the process that made it", function()
    local pool = manual(1)
    local r = pool:apply_async(identity)
    assert.error_matches(function() billiard.pack(pool) end, "belongs to process")
    assert.error_matches(function() billiard.pack(r) end, "belongs to process")
  end)

  it("says what it is", function()
    local pool = new { processes = 1, name = "crunch" }
    assert.equal("<Pool(crunch, running)>", tostring(pool))
    local r = pool:apply_async(identity)
    assert.equal("<AsyncResult(crunch, pending)>", tostring(r))
    r:wait()
    assert.equal("<AsyncResult(crunch, done)>", tostring(r))
  end)

  it("may be made from a context, with its start method", function()
    local pool = assert(billiard.get_context "spawn".Pool(1))
    assert.equal("spawn", fake:worker(0).process.options.start_method)
    pool:terminate()
  end)
end)
