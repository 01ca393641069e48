-- The pure machine of a supervisor: events and a clock of our own in, actions
-- out. No process is started here.

local billiard = require "billiard"
local machine = require "billiard.supervisor.machine"
local fake = require "spec.fixtures.supervision"

local kinds = billiard.policy.restart

local child, new = fake.child, fake.new

describe("billiard.supervisor.machine", function()
  it("starts children in order, each ready before the next", function()
    local s = new { child "a", child("b", { ready = true }), child "c" }
    assert.same({ "start a" }, s:send { "boot" })
    assert.same({ "start b" }, s:started "a")
    assert.same({}, s:started "b")
    assert.same({ "start c" }, s:ready "b")
    assert.same({ "ready" }, s:started "c")
    assert.equal("running", s.machine.state)
  end)

  it("stops children in reverse order, each down before the next", function()
    local s = new { child "a", child "b" }:boot()
    assert.same({ "TERM b" }, s:send { "stop" })
    assert.same({ "TERM a" }, s:died "b")
    assert.same({ "ended stopped" }, s:died "a")
    assert.same({}, s:send { "boot" })
  end)

  -- V05
  it("climbs the ladder of a child that does not go", function()
    local ladder = { { "WAIT", 1 }, { "INT", 2 }, { "KILL", 0 } }
    local s = new { child("a", { stop = ladder }) }:boot()
    assert.same({}, s:send { "stop" })
    assert.same({}, s:pass(0.9))
    assert.same({ "INT a" }, s:pass(0.1))
    assert.same({}, s:pass(1.9))
    assert.same({ "KILL a" }, s:pass(0.1))
    assert.same({ "ended stopped" }, s:died "a")
  end)

  it("does not wait for ever for a child that SIGKILL does not end", function()
    local s = new { child "a", child("b", { stop = { { "KILL", 0 } } }) }:boot()
    assert.same({ "KILL b" }, s:send { "stop" })
    assert.same({ "unkillable b", "TERM a" }, s:pass(5))
    assert.same({ "ended stopped" }, s:died "a")
  end)

  -- V01
  it("gives up at one restart more than allowed, with the last reason", function()
    local s = new({ child "a", child "b" }, { intensity = kinds.intensity { max = 2 } }):boot()
    for _ = 1, 2 do
      assert.same({ "restart a", "start a" }, s:died("a", "signal", 9))
      s:started "a"
    end
    assert.same({ "gave_up a", "TERM b" }, s:died("a", "signal", 9))
    assert.same({ "ended gave_up" }, s:died "b")
    assert.equal("signal 9", s.last.last)
    assert.equal("a", s.last.id)
  end)

  -- V02
  it("never gives up on restarts that are further apart than the window", function()
    local s = new({ child "a" }, { intensity = kinds.intensity { max = 1, period = 5 } }):boot()
    for _ = 1, 500 do
      s:pass(5.01)
      assert.same({ "restart a", "start a" }, s:died("a", "exit", 1))
      s:started "a"
    end
    assert.equal("running", s.machine.state)
  end)

  -- V03
  it("counts a failed start, waits between tries and keeps the others running", function()
    local s = new({ child("a", { backoff = kinds.backoff { initial = 1, factor = 2 } }),
      child "b" }, { intensity = kinds.intensity { max = 3, period = 60 } }):boot()
    assert.same({ "restart a" }, s:died("a", "exit", 1))
    assert.same({ "start a" }, s:pass(1))
    assert.same({ "failed a" }, s:failed "a")
    assert.same({ "restart a" }, s:pass(0))
    assert.same({}, s:pass(1.9))
    assert.same({ "start a" }, s:pass(0.1))
    s:failed "a"
    assert.same({ "restart a" }, s:pass(0))
    s:pass(4)
    assert.equal("running", s.machine.by_id.b.state)
    s:failed "a"
    assert.same({ "gave_up a", "TERM b" }, s:pass(0))
  end)

  -- V07
  it("treats ends by the child's kind", function()
    local s = new { child("p"), child("t", { restart = kinds.transient }),
      child("o", { restart = kinds.temporary }) }:boot()
    assert.same({}, s:died("t", "exit", 0))
    assert.equal("stopped", s.machine.by_id.t.state)
    assert.same({}, s:died("o", "signal", 9))
    assert.is_nil(s.machine.by_id.o)
    assert.same({ "restart p", "start p" }, s:died("p", "exit", 0))
  end)

  -- V14
  it("fails to boot when a child is not ready in time, and stops the others", function()
    local s = new { child "a", child("b", { ready = true, start_timeout = 3 }), child "c" }
    s:send { "boot" }
    s:started "a"
    s:started "b"
    assert.same({ "late b", "TERM b" }, s:pass(3))
    assert.same({ "failed b", "TERM a" }, s:died("b", "signal", 15))
    assert.same({ "ended failed" }, s:died "a")
    assert.equal("b", s.last.id)
    assert.equal("not ready after 3 s", s.last.last)
  end)

  it("holds a death during boot until all are up", function()
    local s = new { child "a", child("b", { ready = true }), child "c" }
    s:send { "boot" }
    s:started "a"
    s:started "b"
    assert.same({}, s:died("a", "exit", 1))
    assert.same({ "start c" }, s:ready "b")
    assert.same({ "ready", "restart a", "start a" }, s:started "c")
  end)

  it("ignores news of an earlier start", function()
    local s = new { child "a" }:boot()
    local old = s.machine.by_id.a.ref
    s:died("a", "signal", 9)
    s:started "a"
    assert.same({}, s:send { "died", id = "a", ref = old, how = "signal", code = 9 })
    assert.equal("running", s.machine.by_id.a.state)
  end)

  it("stops a child whose restart is due later without starting it", function()
    local s = new { child "a", child("b", { backoff = kinds.backoff { initial = 9 } }) }:boot()
    s:died("b", "exit", 1)
    assert.same({ "TERM a" }, s:send { "stop" })
    assert.is_nil((s:pass(4.9))[1])
    assert.same({ "ended stopped" }, s:died "a")
    assert.is_nil(machine.due(s.machine))
  end)

  -- V15: what a suspended machine finds; a clock that is set back is not read
  it("makes one restart of each that is due after a jump of a day", function()
    local options = { backoff = kinds.backoff { initial = 1, factor = 1 } }
    local s = new { child("a", options), child("b", options) }:boot()
    s:died("a", "exit", 1)
    s:died("b", "exit", 1)
    assert.same({ "start a", "start b" }, s:pass(86400))
    assert.same({}, s:pass(0))
  end)

  it("kills all at once when forced, also in the middle of a stop", function()
    local s = new { child "a", child "b", child "c" }:boot()
    assert.same({ "TERM c" }, s:send { "stop" })
    assert.same({ "KILL a", "KILL b", "KILL c" }, fake.sorted(s:send { "force" }))
    s:died "b"
    s:died "a"
    assert.same({ "ended stopped" }, s:died "c")
  end)

  it("asks a supervisor to stop by itself, however long that takes", function()
    local s = new { child("sub", { supervisor = true, ready = true }) }
    s:send { "boot" }
    s:started "sub"
    s:ready "sub"
    assert.same({ "stop sub" }, s:send { "stop" })
    assert.same({}, s:pass(1e6))
    assert.same({ "ended stopped" }, s:died("sub", "shutdown"))
  end)

  it("ends by itself with the first or with the last significant child", function()
    local t = { restart = kinds.transient, significant = true }
    local any = new({ child("a", t), child "b" }, { auto_shutdown = "any_significant" }):boot()
    assert.same({ "TERM b" }, any:died("a", "exit", 0))
    assert.same({ "ended finished" }, any:died "b")
    local all = new({ child("a", t), child("b", t) }, { auto_shutdown = "all_significant" }):boot()
    assert.same({}, all:died("a", "exit", 0))
    assert.same({ "restart b", "start b" }, all:died("b", "exit", 1))
    all:started "b"
    assert.same({ "ended finished" }, all:died("b", "exit", 0))
  end)

  -- V17
  it("takes no more memory after 10 000 restarts than after 1 000", function()
    local s = new({ child "a" }, { intensity = kinds.permanent }):boot()
    local function restart(n)
      for _ = 1, n do
        s:died("a", "signal", 9)
        s:started "a"
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    restart(1000)
    local before = restart(100)
    assert.is_true(restart(os.getenv "BILLIARD_SPEC_GC" and 100 or 9000) < before + 50)
  end)

  it("reports a policy that fails and goes on by the default", function()
    local s = new { child("a", { restart = function() error "oh" end }) }:boot()
    assert.same({ "policy a", "restart a", "start a" }, s:died("a", "exit", 0))
  end)
end)

describe("10 000 random deaths", function()
  it("keep every invariant", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    print("machine_spec: SEED=" .. seed)
    math.randomseed(seed)
    -- a collector that never rests leaves time for fewer
    local wanted, steps = 10000, 2000
    if os.getenv "BILLIARD_SPEC_GC" then wanted, steps = 100, 100 end
    local deaths = 0
    while deaths < wanted do deaths = deaths + fake.random_run(steps) end
    assert.is_true(deaths >= wanted)
  end)
end)
