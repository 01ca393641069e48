-- The calls of a pool over a core of the test's own: which results, callbacks
-- and errors there are, in which order. No process is started here.

local billiard = require "billiard"
local fakecore = require "spec.fixtures.pool.fakecore"

local fake

local function new(options)
  local pool, err = billiard.Pool(options or 2)
  assert(pool, err)
  return pool
end

-- A pool whose tasks run when the test says so.
local function manual(options)
  local pool = new(options)
  repeat until not pool:poll()
  fake.auto = false
  return pool
end

local function identity(...) return ... end
local function boom() error("boom", 0) end

-- f raises that, with the position of this file.
local function misuses(f, pattern)
  local ok, message = pcall(f)
  assert.False(ok)
  assert.truthy(message:find "^spec/poolcalls_spec.lua:%d+: ", message)
  assert.truthy(message:find(pattern), message)
end

local function code_of(r)
  local _, _, code = r:get(0)
  return code
end

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
      fake.unstartable = "no more processes"
      local _, e, code = billiard.Pool(2)
      assert.equal("StartError", code)
      assert.truthy(e.message:find("no more processes", 1, true))
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
        local ok, message = pcall(function() pool:apply_async(f) end)
        assert.False(ok)
        assert.truthy(message:find "^spec/poolcalls_spec.lua:%d+: apply: needs a function or", message)
      end
      assert.error_matches(function() pool:apply(identity, 5) end, "args must be a table, got number")
      assert.error_matches(function() pool:apply(identity, {}, { chunk = 5 }) end, "unknown option 'chunk'")
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
      local a, b, c = pool:apply_async(identity), pool:apply_async(identity), pool:apply_async(identity)
      fake:begin()
      local other = fake:begin()
      assert.True(a:terminate "TERM")
      assert.True(c:terminate())
      fake:finish(other)
      assert.equal("Terminated", code_of(a))
      assert.equal("Terminated", code_of(c))
      assert.True(b:wait(0))
      assert.equal("too_late", select(3, a:terminate()))
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
        timeout_callback = note "limit", error_callback = function(e) seen[#seen + 1] = e.code end })
      fake:begin()
      fake:tell("soft", r.ticket, 0)
      fake:die(0, -9, "limit")
      r:wait()
      assert.same({ { "limit", "soft", 1 }, { "limit", "hard", 2 }, "TimeLimitExceeded" }, seen)
    end)
  end)

  describe("map", function()
    it("keeps the order, whatever the chunks", function()
      local pool = new()
      local list, want = {}, {}
      for i = 1, 23 do list[i], want[i] = i, i * i end
      want.n = 23
      for _, chunk in ipairs { 1, 2, 7, 23, 100 } do
        assert.same(want, pool:map(function(x) return x * x end, list, chunk))
        assert.same(want, pool:map(function(x) return x * x end, list, { chunk = chunk }))
      end
    end)

    it("cuts a list so that each worker gets four", function()
      local pool = manual(2)
      pool:map_async(identity, table.pack(table.unpack({}, 1, 100)))
      assert.equal(8, #fake.core.queue)
      assert.equal(13, fake.core.queue[1].args.n)
      assert.equal(9, fake.core.queue[8].args.n)
    end)

    it("has one item in a chunk where there are limits, which are a task's", function()
      local pool = manual { processes = 1, timeout = 5 }
      pool:map_async(identity, { 1, 2, 3 })
      assert.equal(3, #fake.core.queue)
    end)

    it("keeps nils, of a list with n and of what the function returns", function()
      local pool = new(1)
      local out = pool:map(function(x) return x ~= 2 and x or nil end, { 1, nil, 2, 3, n = 4 })
      assert.same({ 1, nil, nil, 3, n = 4 }, out)
    end)

    it("takes an iterator", function()
      assert.same({ "a", "b", n = 2 }, new():map(identity, string.gmatch("a b", "%a")))
      assert.same({ n = 0 }, new():map(identity, {}))
    end)

    it("unpacks the items for starmap", function()
      local pool = new(1)
      assert.same({ 3, 7, n = 2 }, pool:starmap(function(a, b) return a + b end, { { 1, 2 }, { 3, 4 } }))
      assert.equal(5, pool:starmap_async(math.max, { { 5, 4 } }):get()[1])
    end)

    it("returns the first failure with its place, and does all the rest", function()
      local pool, done = new(1), 0
      local out, err, code = pool:map(function(x)
        if x == 4 then boom() end
        done = done + 1
      end, { 1, 2, 3, 4, 5, 6 }, 2)
      assert.same({ nil, "boom", 4, "RemoteError" }, { out, err.message, err.index, code })
      pool:close()
      assert.True(pool:join())
      assert.equal(5, done)
    end)

    it("passes on what its source raises, and nothing was submitted", function()
      local pool = new()
      assert.error_matches(function() pool:map(identity, boom) end, "^boom$")
      assert.equal(0, pool:stats().submitted)
    end)

    it("refuses what is no list", function()
      misuses(function() new():map(identity, 5) end,
        "map: needs a list or an iterator, got number")
    end)

    it("is taken back whole by cancel", function()
      local pool = manual(1)
      local r = pool:map_async(identity, { 1, 2, 3 }, 1)
      fake:finish(fake:begin())
      assert.True(r:cancel())
      assert.equal("Cancelled", code_of(r))
      assert.equal(0, fake:run())
      pool:poll()
      assert.equal(0, pool:stats().pending)
    end)

    it("fails with the worker that had one of its chunks", function()
      local pool = manual(2)
      local r = pool:map_async(identity, { 1, 2, 3, 4 }, 2)
      fake:begin()
      fake:begin()
      fake:die(1)
      local _, err, code = r:get(0)
      assert.equal("WorkerLostError", code)
      assert.equal(3, err.index)
    end)
  end)

  describe("imap", function()
    local function collect(...)
      local out = {}
      for i, value, err in ... do out[#out + 1] = { i, value, err and err.message } end
      return out
    end

    it("goes through items in order, failed ones too", function()
      local pool = new()
      local function f(x)
        if x == 2 then boom() end
        return x * 10
      end
      local want = { { 1, 10 }, { 2, nil, "boom" }, { 3, 30 } }
      assert.same(want, collect(pool:imap(f, { 1, 2, 3 })))
      assert.same(want, collect(pool:imap(f, { 1, 2, 3 }, 2)))
      assert.same({}, collect(pool:imap(f, {})))
    end)

    it("yields what has ended first, when unordered", function()
      local pool = manual(2)
      local nxt, state = pool:imap_unordered(identity, { "a", "b" })
      local a, b = fake:begin(), fake:begin()
      fake:finish(b)
      assert.same({ 2, "b" }, { nxt(state) })
      fake:finish(a)
      assert.same({ 1, "a" }, { nxt(state) })
      assert.Nil(nxt(state))
    end)

    it("reads its source no further ahead than it may", function()
      local pool, n = new(1), 0
      local function numbers()
        n = n + 1
        return n
      end
      for _, how in ipairs { "imap", "imap_unordered" } do
        n = 0
        for i, value in pool[how](pool, identity, numbers, { prefetch = 3, chunk = 2 }) do
          assert.equal(i, value)
          assert.True(n <= i + 6)
          if i == 50 then break end
        end
      end
    end)

    it("raises what its source raises, behind the items before", function()
      local pool = new()
      local function source()
        local i = 0
        return function()
          i = i + 1
          if i == 4 then error({ "my own" }) end
          return i
        end
      end
      for _, how in ipairs { "imap", "imap_unordered" } do
        local got = {}
        local ok, problem = pcall(function()
          for _, value in pool[how](pool, identity, source(), 2) do got[#got + 1] = value end
        end)
        assert.False(ok)
        assert.same({ "my own" }, problem)
        assert.same({ 1, 2, 3 }, got)
      end
      assert.equal(1, pool:apply(identity, { 1 }))
    end)

    it("takes back what is queued when the loop is left", function()
      local pool = manual(1)
      do
        local nxt, state, _, closer <close> = pool:imap(identity, { 1, 2, 3, 4 })
        fake:finish(fake:begin())
        assert.same({ 1, 1 }, { nxt(state, closer) })
        fake:begin()
      end
      assert.equal(0, fake:run())
      fake:finish(fake:worker(0))
      pool:poll()
      assert.equal(0, pool:stats().pending)
    end)

    it("fails only the item whose worker died", function()
      local pool = manual(1)
      local nxt, state = pool:imap(identity, { 1, 2 })
      fake:begin()
      fake:die(0)
      local i, value, err = nxt(state)
      assert.same({ 1, nil, "WorkerLostError" }, { i, value, err.code })
      fake.auto = true
      assert.same({ 2, 2 }, { nxt(state) })
    end)

    it("is ended by join, though nobody has gone through it", function()
      local pool, done = new(1), 0
      local nxt, state = pool:imap(function(x)
        done = done + 1
        return x
      end, { 1, 2, 3, 4, 5 }, { prefetch = 1 })
      pool:close()
      assert.True(pool:join())
      assert.equal(5, done)
      assert.same({ 1, 1 }, { nxt(state) })
    end)

    it("raises at once for a function that cannot travel", function()
      local pool = new()
      fake.unsendable = boom
      local ok, err = pcall(pool.imap, pool, boom, { 1 })
      assert.False(ok)
      assert.equal("unsendable", err.code)
      pool:close()
      assert.True(pool:join())
    end)
  end)

  describe("as_completed", function()
    it("goes through results as they end, those that have first", function()
      local pool = manual(2)
      local a, b, c = pool:apply_async(identity), pool:apply_async(identity), pool:apply_async(boom)
      c:cancel()
      local order = {}
      local one, two = fake:begin(), fake:begin()
      fake:finish(two)
      fake:finish(one)
      for r in billiard.as_completed { a, b, c } do order[#order + 1] = r end
      assert.same({ c, b, a }, order)
    end)

    it("ends at its timeout", function()
      local r = manual(1):apply_async(identity)
      for _ in billiard.as_completed({ r }, 1) do error "none" end
      assert.False(r:ready())
    end)

    it("may be used twice for a result", function()
      local r = manual(1):apply_async(identity)
      local next1, state1 = billiard.as_completed { r }
      local next2, state2 = billiard.as_completed { r }
      fake:run()
      assert.equal(r, next1(state1))
      assert.equal(r, next2(state2))
      assert.Nil(next1(state1))
    end)

    it("refuses what is no result", function()
      misuses(function() billiard.as_completed { 5 } end,
        "item 1 must be an AsyncResult, got number")
    end)
  end)

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
        on_process_down = function(row, exit) seen[#seen + 1] = "down " .. row.index .. exit.text end }
      pool:apply_async(identity)
      fake:begin()
      fake:die(0)
      while pool:poll() do end
      assert.same({ "up " .. pool.name .. "-worker-1", "down 1died of SIGKILL",
        "up " .. pool.name .. "-worker-2" }, seen)
    end)
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
      assert.same({ "Terminated", "Cancelled", "Cancelled" }, { code_of(a), code_of(b), code_of(c) })
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
