-- Erlang's rules one by one, on the pure machine, as far as machine_spec and
-- strategy_spec do not have them. Those about supervisors in supervisors are in
-- escalation_spec.

local billiard = require "billiard"
local fake = require "spec.fixtures.supervision"

local kinds, stop = billiard.policy.restart, billiard.policy.stop
local child, new = fake.child, fake.new

local transient, temporary = { restart = kinds.transient }, { restart = kinds.temporary }

local function at_most(max) return kinds.intensity { max = max, period = 5 } end

local function restarts(s) return #s.machine.history end

-- A child dies; what follows, when all asked for comes true at once.
local function dies(s, id, how, code)
  s:died(id, how or "exit", code or 1)
  return s:settle()
end

local function terminate(s, id)
  s:call("terminate_child", id)
  return s:settle()
end

describe("the order", function()
  it("is reversed when boot fails: later ones are never started", function()
    local s = new { child "a", child "b", child "c", child "d" }
    s:send { "boot" }
    s:started "a"
    s:started "b"
    assert.same({ "failed c", "TERM b" }, s:failed "c")
    assert.same({ "TERM a" }, s:died "b")
    assert.same({ "ended failed" }, s:died "a")
    assert.same({}, s:pass(60))
  end)

  it("stays as it is by restarts and by restart_child", function()
    local s = new { child "a", child "b", child "c" }:boot()
    dies(s, "a")
    terminate(s, "b")
    s:call("restart_child", "b")
    s:settle()
    assert.equal("a:running b:running c:running", s:states())
  end)

  it("has those last that were deleted and started again", function()
    local s = new { child "a", child "b" }:boot()
    terminate(s, "a")
    s:call("delete_child", "a")
    s:call("start_child", child "a")
    assert.equal("b:running a:starting", s:states())
  end)
end)

describe("who is restarted", function()
  it("a permanent child whatever its end, and that counts", function()
    local s = new({ child "a" }, { intensity = at_most(1) }):boot()
    assert.same({ "restart a", "start a" }, dies(s, "a", "exit", 0))
    assert.same({ "gave_up a", "ended gave_up" }, dies(s, "a", "shutdown"))
  end)

  it("no transient child that ends by shutdown", function()
    local s = new { child("a", transient) }:boot()
    assert.same({}, dies(s, "a", "shutdown"))
    assert.equal("a:stopped", s:states())
  end)

  it("in a group all that were stopped, for whatever reason", function()
    local s = new({ child("done", transient), child "ended", child "declined", child "x" },
      { strategy = "one_for_all" }):boot()
    dies(s, "done", "exit", 0)
    terminate(s, "ended")
    terminate(s, "declined")
    s:call("restart_child", "declined")
    s:ignored "declined"
    assert.equal("done:stopped ended:stopped declined:stopped x:running", s:states())
    assert.same({ "restart x", "start done", "start ended", "start declined", "start x" },
      dies(s, "x"))
  end)
end)

describe("stop", function()
  it("begins at once, also in the middle of a restart", function()
    local s = new({ child "a", child "b" }, { strategy = "one_for_all" }):boot()
    s:died("a", "exit", 1)
    s:died "b"
    assert.same({ "TERM a" }, s:send { "stop" })
    assert.same({ "ended stopped" }, s:died "a")
  end)
end)

describe("the intensity", function()
  it("is looked at first: giving up restarts nobody", function()
    for _, strategy in ipairs { "one_for_one", "one_for_all", "rest_for_one" } do
      local s = new({ child "a", child "b", child "c" }, { strategy = strategy,
        intensity = at_most(0) }):boot()
      assert.same({ "gave_up b", "TERM c", "TERM a", "ended gave_up" }, dies(s, "b"))
    end
  end)

  it("does not count what is no restart", function()
    local s = new({ child("t", transient), child("o", temporary), child "p" },
      { intensity = at_most(0) }):boot()
    dies(s, "t", "exit", 0)
    dies(s, "o")
    terminate(s, "p")
    s:call("restart_child", "p")
    s:failed "p"
    s:call("start_child", child "q")
    s:failed "q"
    assert.equal("t:stopped p:stopped", s:states())
    assert.equal(0, restarts(s))
  end)

  it("counts a restart that is as old as the period is long", function()
    local s = new({ child "a" }, { intensity = at_most(1) }):boot()
    dies(s, "a")
    s:pass(5)
    assert.same({ "gave_up a", "ended gave_up" }, dies(s, "a"))
  end)

  it("sweeps up those who are dead when it is exceeded", function()
    local s = new({ child "a", child("b", { ready = true }), child "c" },
      { intensity = at_most(1), strategy = "one_for_all" }):boot()
    s:died("b", "exit", 1)
    s:died "c"
    s:died "a"
    s:started "a"
    s:started "b"
    s:died("a", "exit", 1) -- noted
    s:ready "b"
    assert.same({ "gave_up a", "TERM c" }, s:started "c")
  end)
end)

describe("a failing start", function()
  it("is tried again behind all that was told before", function()
    local s = new({ child "a", child "b" }, { intensity = at_most(1) }):boot()
    s:died("a", "exit", 1)
    assert.same({ "failed a" }, s:failed "a")
    assert.same({ "restarting a" }, s:call("restart_child", "a"))
    assert.same({ "ok a" }, s:call("terminate_child", "a"))
    assert.same({}, s:pass(0))
    assert.equal("a:stopped b:running", s:states())
  end)

  it("counts when it is tried again: one and one for each failure", function()
    local s = new({ child("a", transient), child "b" }, { intensity = at_most(3) }):boot()
    s:died("a", "exit", 1)
    for count = 1, 2 do
      s:failed "a"
      assert.equal(count, restarts(s))
      assert.same({ "restart a", "start a" }, s:pass(0))
    end
    s:failed "a"
    assert.same({ "gave_up a", "TERM b" }, s:pass(0))
  end)

  it("is not tried again when another's restart has started the child", function()
    local s = new({ child "a", child "b" }, { strategy = "one_for_all" }):boot()
    s:died("b", "exit", 1)
    s:died "a"
    s:started "a"
    s:failed "b"
    assert.same({ "restart a", "start a", "start b" }, dies(s, "a"))
    assert.same({}, s:pass(0))
    assert.equal(2, restarts(s))
  end)

  it("leaves later siblings down when it is called off", function()
    local s = new({ child "a", child "b", child "c" }, { strategy = "one_for_all" }):boot()
    s:died("c", "exit", 1)
    s:died "b"
    s:died "a"
    s:started "a"
    s:failed "b"
    assert.same({ "ok b" }, s:call("terminate_child", "b"))
    assert.same({}, s:pass(0))
    assert.equal("a:running b:stopped c:stopped", s:states())
  end)

  it("asked for by restart_child leaves a child stopped that start_child added", function()
    local s = new({}):boot()
    s:call("start_child", child "a")
    s:started "a"
    terminate(s, "a")
    s:call("restart_child", "a")
    assert.same({ "failed a", "no luck a" }, s:failed "a")
    assert.equal("a:stopped", s:states())
  end)
end)

describe("stopping a child", function()
  local ladders = { brutal = stop.brutal, none = { { "TERM", 0 }, { "KILL" } },
    infinite = { { "TERM", math.huge }, { "KILL" } } }
  local function asked(name)
    local s = new { child("a", { stop = ladders[name] }) }:boot()
    return s, s:call("terminate_child", "a")
  end

  it("kills it, asks and kills it, or waits for ever", function()
    local _, words = asked "brutal"
    assert.same({ "KILL a" }, words)
    local s, first = asked "none"
    assert.same({ "TERM a", "KILL a" }, { first[1], s:pass(0)[1] })
    s, words = asked "infinite"
    assert.same({ "TERM a" }, words)
    assert.same({}, s:pass(1e6))
    assert.same({ "ok a" }, s:died "a")
  end)

  it("succeeds however it ends, and starts nobody again", function()
    for how, code in pairs { exit = 1, signal = 11, shutdown = 0 } do
      local s, _ = asked "infinite"
      assert.same({ "ok a" }, s:died("a", how, code))
      assert.equal("a:stopped", s:states())
      assert.equal(0, restarts(s))
    end
  end)
end)

describe("calls", function()
  it("say already_present of a child that waits to be started again", function()
    local s = new { child("a", { backoff = kinds.backoff { initial = 9 } }) }:boot()
    s:died("a", "exit", 1)
    assert.same({ "already_present a" }, s:call("start_child", child "a"))
  end)

  -- V10
  it("about a child that is being stopped or started wait for that", function()
    local s = new { child "a" }:boot()
    s:call("terminate_child", "a")
    for _, call in ipairs { "restart_child", "delete_child" } do
      assert.same({}, s:call(call, "a"))
    end
    assert.same({}, s:call("start_child", child "a"))
    assert.same({ "ok a", "start a" }, s:died "a")
    assert.same({ "ok a", "running a", "already_started a" }, s:started "a")
  end)

  -- V12
  it("find no trace of a start that was declined", function()
    local s = new({ child("a", temporary), child "b" })
    s:send { "boot" }
    s:ignored "a"
    s:started "b"
    s:call("start_child", child("c", temporary))
    assert.same({ "ignored c" }, s:ignored "c")
    assert.same({ "not_found a" }, s:call("restart_child", "a"))
    assert.same({ "not_found c" }, s:call("terminate_child", "c"))
    s:send { "stop" }
    assert.same({ "ended stopped" }, s:died "b")
  end)
end)

describe("auto_shutdown", function()
  local function significant(kind) return { restart = kind, significant = true } end

  it("comes by a temporary child whatever its end, behind earlier deaths", function()
    local s = new({ child "a", child("b", significant(kinds.temporary)) },
      { auto_shutdown = "any_significant" }):boot()
    assert.same({ "restart a", "start a" }, dies(s, "a"))
    assert.same({ "TERM a", "ended finished" }, dies(s, "b"))
  end)

  it("does not come by a sibling's restart", function()
    local s = new({ child("a", significant(kinds.temporary)), child "b" },
      { auto_shutdown = "any_significant", strategy = "one_for_all" }):boot()
    assert.same({ "restart b", "TERM a", "start b" }, dies(s, "b"))
    assert.equal("b:running", s:states())
  end)

  it("waits for one that restarts, not for one that declined", function()
    local t = significant(kinds.transient)
    local s = new({ child("a", t), child("b", t), child("c", t) },
      { auto_shutdown = "all_significant" })
    s:send { "boot" }
    s:ignored "a"
    s:started "b"
    s:started "c"
    s:died("b", "exit", 1)
    s:failed "b"
    assert.same({}, dies(s, "c", "exit", 0))
    s:pass(0)
    s:started "b"
    assert.same({ "ended finished" }, dies(s, "b", "exit", 0))
  end)
end)
