-- core.Pool: its workers, what ends them, and what that means for tasks.
-- Run once per start method.

local billiard = require "billiard"
local core = require "billiard.core"
local helper = require "spec.helper"
local poolcore = require "spec.fixtures.poolcore"

local team, gate, hold = poolcore.team, poolcore.gate, poolcore.hold
local APPLY <const> = poolcore.APPLY
local LONG <const> = poolcore.LONG

local function alive(pid)
  local state = helper.proc_state(pid)
  return state ~= nil and state ~= "Z"
end

describe("a worker that dies", function()
  helper.guard()

  it("takes along what it had started, and nothing else", function()
    local t <close> = team(2)
    local g <close> = gate()
    local lost = t:submit(hold, g.args, APPLY)
    g:entered()
    local worker = t.core:started(lost)
    local others = {}
    for i = 1, 50 do others[i] = t:submit(function(x) return x end, { i }, APPLY) end
    t.workers[worker]:kill()
    local event = t:over(lost)
    assert.same({ "lost", lost, worker, "died", t.workers[worker] }, { table.unpack(event, 1, 5) })
    assert.is_true(event[6] <= core.now())
    for i, ticket in ipairs(others) do assert.equal(i, t:over(ticket)[4]) end
    local gone = t:await "gone"
    assert.same({ worker, t.workers[worker] }, { gone[2], gone[3] })
    assert.equal(-9, gone[3].exitcode)
    assert.is_nil(t.core:look(worker))
  end)

  it("is no reason not to try again, where there are attempts left", function()
    local t <close> = team(3)
    local runs = billiard.Value("i32", 0)
    local function die_twice(v)
      v.value = v.value + 1
      if v.value < 3 then os.exit(3) end
      return v.value
    end
    assert.equal("lost", t:over(t:submit(die_twice, { runs }, APPLY))[1])
    runs.value = 0
    t:start()
    assert.equal(3, t:over(t:submit(die_twice, { runs }, APPLY, nil, nil, 3))[4])
    runs:close()
  end)

  it("has given what it had done before", function()
    local t <close> = team(1)
    for _ = 1, 20 do
      local first = t:submit(function() return "first" end, {}, APPLY)
      local second = t:submit(os.exit, { 5 }, APPLY)
      assert.equal("first", t:over(first)[4])
      local event = t:over(second)
      assert.same({ "lost", "died", 5 }, { event[1], event[4], event[5].exitcode })
      t:start()
      t:await "up"
    end
  end)

  it("is seen also where somebody else saw it first", function()
    local t <close> = team(1)
    local g <close> = gate()
    local ticket = t:submit(hold, g.args, APPLY)
    g:entered()
    t.workers[0]:kill()
    assert(t.workers[0]:join(LONG))
    assert.equal("died", t:over(ticket)[4])
    assert.equal(0, t:await "gone"[2])
  end)

  it("cannot be closed before the pool has let go of it", function()
    local t <close> = team(1)
    t.workers[0]:kill()
    assert(t.workers[0]:join(LONG))
    local ok, err = pcall(t.workers[0].close, t.workers[0])
    assert.is_false(ok)
    assert.match("close: Process is a worker of a pool", err)
    t:await "gone"
    t.workers[0]:close()
    t.processes[1] = nil
  end)

  it("does not take along who made it come up", function()
    local t <close> = team(0)
    t:start { main = function(link)
      local core = require "billiard.core" -- luacheck: ignore 431
      core.pool_failed(link, core.new_error("Mine", "not today"))
    end }
    local event = t:await "failed"
    assert.same({ 0, "Mine", "not today", t.workers[0].pid },
      { event[2], event[3].code, event[3].message, event[3].pid })
    assert.equal(0, t:await "gone"[3].exitcode)
    t:start { main = function() os.exit(4) end }
    assert.equal(4, t:await "gone"[3].exitcode)
  end)
end)

describe("a task that is not done yet", function()
  helper.guard()

  it("goes to whoever has nothing to do", function()
    local t <close> = team(2)
    local g <close> = gate()
    local held = t:submit(hold, g.args, APPLY)
    g:entered()
    local tickets = {}
    for i = 1, 100 do tickets[i] = t:submit(function(x) return x end, { i }, APPLY) end
    for i, ticket in ipairs(tickets) do assert.equal(i, t:over(ticket)[4]) end
    g.go:put "free"
    assert.equal("free", t:over(held)[4])
  end)

  it("can be cancelled until it is started", function()
    local t <close> = team(1)
    local g <close> = gate()
    local held = t:submit(hold, g.args, APPLY)
    g:entered()
    local waits = t:submit(error, { "was run" }, APPLY)
    local last = t:submit(function() return "last" end, {}, APPLY)
    assert.same({ false, true, false }, { t.core:cancel(held), t.core:cancel(waits),
      t.core:cancel(waits) })
    g.go:put "free"
    assert.same({ "free", "last" }, { t:over(held)[4], t:over(last)[4] })
    assert.same({}, t.seen)
    assert.is_false(t.core:cancel(held))
  end)

  it("can be killed, and nothing else is", function()
    local t <close> = team(1)
    local g <close> = gate()
    local held = t:submit(hold, g.args, APPLY)
    g:entered()
    local waits = t:submit(function() return "waited" end, {}, APPLY)
    assert.is_false(t.core:terminate(waits))
    assert.is_true(t.core:terminate(held))
    assert.same({ "lost", held, 0, "terminated" }, { table.unpack(t:over(held), 1, 4) })
    t:await "gone"
    t:start()
    assert.equal("waited", t:over(waits)[4])
    assert.is_false(t.core:terminate(held))
  end)

  it("says when it was started, if it is asked to", function()
    local t <close> = team(1)
    local before = core.now()
    local ticket = t:submit(function() end, {}, APPLY, nil, nil, 1, true)
    local event = t:await("started", ticket)
    assert.equal(0, event[3])
    assert.is_true(event[4] >= before and event[4] <= core.now())
    assert.equal("result", t:over(ticket)[1])
  end)
end)

describe("a worker", function()
  helper.guard()

  it("ends the Processes that a task left behind, and no others", function()
    local t <close> = team(0)
    t:start { main = function(link)
      local billiard = require "billiard" -- luacheck: ignore 431
      local function wait() require "billiard".sleep(3600) end
      local older = assert(billiard.Process { target = wait, daemon = true }:start())
      _G.older = older.pid
      require "billiard.core".pool_serve(link)
    end }
    t:await "up"
    local function begin()
      local billiard = require "billiard" -- luacheck: ignore 431
      local function wait() require "billiard".sleep(3600) end
      local a = assert(billiard.Process { target = wait, daemon = true }:start())
      local b = assert(billiard.Process { target = wait, daemon = false }:start())
      return a.pid, b.pid, _G.older
    end
    for _ = 1, 2 do
      local a, b, older = t:call(begin)
      assert.same({ false, false, true }, { alive(a), alive(b), alive(older) })
    end
  end)

  it("leaves when it has done its share", function()
    local t <close> = team(0)
    t:start { max_tasks = 2 }
    t:await "up"
    for _ = 1, 2 do t:call(function() end) end
    assert.equal(0, t:await "spent"[2])
    local gone = t:await "gone"
    assert.same({ 0, 2, 0 }, { gone[2], gone[4], gone[3].exitcode })
  end)

  it("leaves when it is told to, with what it does done", function()
    local t <close> = team(1)
    local g <close> = gate()
    local held = t:submit(hold, g.args, APPLY)
    g:entered()
    local waits = t:submit(function() return "waited" end, {}, APPLY)
    local process, up, retired, done, ticket, since, waiting = t.core:look(0)
    assert.same({ t.workers[0], true, false, 0, held, 1 },
      { process, up, retired, done, ticket, waiting })
    assert.is_true(since <= core.now())
    t.core:retire(0)
    assert.is_true(select(3, t.core:look(0)))
    g.go:put "free"
    assert.equal("free", t:over(held)[4])
    assert.same({ 0, 1 }, { t:await "gone"[2], t.core:backlog() })
    t:start()
    assert.equal("waited", t:over(waits)[4])
  end)

  it("can be killed with what it does", function()
    local t <close> = team(1)
    local g <close> = gate()
    local held = t:submit(hold, g.args, APPLY)
    g:entered()
    t.core:kill(0)
    assert.equal("killed", t:over(held)[4])
    assert.equal(-9, t:await "gone"[3].exitcode)
  end)

  it("says when it has got too large", function()
    local t <close> = team(0)
    t:start { max_memory = 16 << 10 }
    t:await "up"
    t:call(function() _G.much = ("x"):rep(1 << 26) end)
    assert.equal(0, t:await "full"[2])
    assert.equal(1 << 26, t:call(function() return #_G.much end))
  end)

  it("ends when it is asked to: between two tasks", function()
    local t <close> = team(1)
    assert(t.workers[0]:terminate_controlled(LONG))
    assert.equal(-15, t:await "gone"[3].exitcode)
  end)

  it("ends when it is asked to: in a task, which it leaves", function()
    local t <close> = team(1)
    local g <close> = gate()
    local ticket = t:submit(function(here, go)
      local leaving <close> = setmetatable({}, { __close = function() here:put "left" end })
      here:put(leaving ~= nil)
      go:get()
    end, g.args, APPLY)
    g:entered()
    local waits = t:submit(function() return "waited" end, {}, APPLY)
    assert(t.workers[0]:terminate_controlled(LONG))
    local event = t:over(ticket)
    assert.same({ "error", "Terminated" }, { event[1], event[4].code })
    assert.equal("left", g.here:get(LONG))
    assert.equal(-15, t:await "gone"[3].exitcode)
    t:start()
    assert.equal("waited", t:over(waits)[4])
  end)

  it("leaves when the pool is closed, whoever was forked meanwhile", function()
    local t = team(2)
    local g <close> = gate()
    local other = assert(billiard.Process { target = hold, args = g.args }:start())
    g:entered()
    t:__close()
    g.go:put(true)
    assert(other:join(LONG))
    other:close()
  end)

  it("leaves when nobody has the pool any more", function()
    local t = team(1)
    local processes = t.processes
    t = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.same({ true, "exit", 0 }, { processes[1]:join(LONG) })
    processes[1]:close()
  end)

  it("does not outlive a program that leaves its pool as it is", function()
    local out, err, status = helper.run([[
      local poolcore = require "spec.fixtures.poolcore"
      t = poolcore.team(2) -- a global: it is there until the end
      for _ = 1, 2 do t:submit(function() while true do end end, {}, 0) end
      print(t.processes[1].pid, t.processes[2].pid)
    ]])
    assert.same({ "", 0 }, { err, status })
    for pid in out:gmatch "%d+" do assert.is_false(alive(pid)) end
  end)

  it("belongs to the process that has its pool", function()
    if helper.method ~= "fork" then return end
    local t <close> = team(1)
    local p = assert(billiard.Process { target = function()
      local ok, err = pcall(t.core.next, t.core)
      return ok, err
    end }:start())
    local ok, err = p:result(LONG)
    assert.is_false(ok)
    assert.match("next: Pool belongs to process " .. helper.pid(), err)
    p:close()
    assert.equal(1, t:call(function() return 1 end))
  end)
end)
