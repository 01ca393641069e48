-- What the restart of one child does to the others, and what people may ask of
-- a running supervisor: Erlang's rules, one by one, on the pure machine.

local billiard = require "billiard"
local fake = require "spec.fixtures.supervision"

local kinds = billiard.policy.restart
local child, new = fake.child, fake.new

local function three(strategy, options)
  return new({ child "a", child "b", child "c" }, { strategy = strategy,
    intensity = options and options.intensity }):boot()
end

describe("one_for_all", function()
  it("stops the others in reverse order, then starts all in order", function()
    local s = three "one_for_all"
    assert.same({ "restart b", "TERM c" }, s:died("b", "exit", 1))
    assert.same({ "TERM a" }, s:died "c")
    assert.same({ "start a" }, s:died "a")
    assert.same({ "start b" }, s:started "a")
    assert.same({ "start c" }, s:started "b")
    assert.same({}, s:started "c")
    assert.equal("a:running b:running c:running", s:states())
  end)

  it("is one restart, however many children it has", function()
    local s = three("one_for_all", { intensity = kinds.intensity { max = 1 } })
    s:died("a", "exit", 1)
    s:settle()
    assert.equal(1, #s.machine.history)
    assert.same({ "gave_up c", "TERM b" }, s:died("c", "exit", 1))
  end)

  it("starts those too that were stopped, and forgets temporary ones", function()
    local s = new({ child("done", { restart = kinds.transient }), child "a",
      child("once", { restart = kinds.temporary }) }, { strategy = "one_for_all" }):boot()
    assert.same({}, s:died("done", "exit", 0))
    assert.same({ "restart a", "TERM once", "start done", "start a" },
      (s:died("a", "exit", 1) and s:settle()))
    assert.equal("done:running a:running", s:states())
  end)

  it("counts a sibling that is dead already as a part of it", function()
    local s = three "one_for_all"
    s:died("a", "exit", 1) -- c and b are to be stopped
    assert.same({ "TERM b" }, s:died("c", "exit", 1)) -- by itself, meanwhile
    s:died "b"
    s:settle()
    assert.equal(1, #s.machine.history)
    assert.equal("a:running b:running c:running", s:states())
  end)

  it("touches nobody for an end that restarts nothing", function()
    local s = new({ child("a", { restart = kinds.transient }), child "b",
      child("c", { restart = kinds.temporary }) }, { strategy = "one_for_all" }):boot()
    assert.same({}, s:died("a", "exit", 0))
    assert.same({}, s:died("c", "exit", 1))
    assert.equal("a:stopped b:running", s:states())
  end)

  it("is begun anew for a child that fails to start in it", function()
    local s = three "one_for_all"
    s:died("a", "exit", 1)
    s:died "c"
    s:died "b"
    s:started "a"
    assert.same({ "failed b" }, s:failed "b")
    assert.same({ "restart b", "TERM a" }, s:pass(0))
    assert.equal("c:stopped", s:states():match "c:%a+")
    assert.same({ "start a" }, s:died "a")
    s:settle()
    assert.equal(2, #s.machine.history)
    assert.equal("a:running b:running c:running", s:states())
  end)

  it("finishes before it looks at a death among the new ones", function()
    local s = three "one_for_all"
    s:died("c", "exit", 1)
    s:died "b"
    s:died "a"
    s:started "a"
    assert.same({}, s:died("a", "exit", 1))
    assert.same({ "start c" }, s:started "b")
    assert.same({ "restart a", "TERM c" }, s:started "c")
  end)
end)

describe("rest_for_one", function()
  it("takes down those that were started after it, and no others", function()
    local s = three "rest_for_one"
    assert.same({ "restart b", "TERM c" }, s:died("b", "exit", 1))
    assert.same({ "start b" }, s:died "c")
    assert.same({ "start c" }, s:started "b")
    s:started "c"
    assert.equal("a:running b:running c:running", s:states())
  end)

  it("starts the later of two twice when its death is seen first", function()
    local s = three "rest_for_one"
    assert.same({ "restart c", "start c" }, s:died("c", "exit", 1))
    s:started "c"
    assert.same({ "restart b", "TERM c" }, s:died("b", "exit", 1))
    assert.equal(2, #s.machine.history)
  end)

  it("goes on from the child that failed to start, not from the dead one", function()
    local s = three "rest_for_one"
    s:died("a", "exit", 1)
    s:died "c"
    s:died "b"
    s:started "a"
    s:failed "b"
    assert.same({ "restart b", "start b" }, s:pass(0))
    assert.equal("a:running", s:states():match "a:%a+")
  end)

  it("keeps temporary children before the dead one", function()
    local t = { restart = kinds.temporary }
    local s = new({ child("before", t), child "a", child("behind", t) },
      { strategy = "rest_for_one" }):boot()
    s:died("a", "exit", 1)
    s:settle()
    assert.equal("before:running a:running", s:states())
  end)
end)

describe("depends_on", function()
  it("starts those again that depend on the one that died, behind it", function()
    local s = new { child "db", child("app", { depends_on = { "db" } }), child "log",
      child("web", { depends_on = { "app" } }) }:boot()
    assert.same({ "restart db", "TERM web" }, s:died("db", "exit", 1))
    assert.same({ "TERM app" }, s:died "web")
    assert.same({ "start db" }, s:died "app")
    assert.same({ "start app" }, s:started "db")
    assert.same({ "start web" }, s:started "app")
    assert.same({ "restart web", "start web" }, (s:started "web" and s:died("web", "exit", 1)))
  end)
end)

describe("a parallel stop", function()
  it("asks all at once", function()
    local s = new({ child "a", child "b" }, { stop_order = "parallel" }):boot()
    assert.same({ "TERM b", "TERM a" }, s:send { "stop" })
    assert.same({}, s:died "a")
    assert.same({ "ended stopped" }, s:died "b")
  end)
end)

describe("a start that is declined", function()
  it("leaves the child stopped at boot, and goes on", function()
    local s = new { child "a", child "b" }
    s:send { "boot" }
    assert.same({ "start b" }, s:ignored "a")
    assert.same({ "ready" }, s:started "b")
    assert.same({ "start a" }, s:call("restart_child", "a"))
    assert.same({ "ok a" }, s:started "a")
  end)

  it("forgets a temporary child", function()
    local s = new { child("a", { restart = kinds.temporary }), child "b" }
    s:send { "boot" }
    assert.same({ "start b" }, s:ignored "a")
    assert.equal("b:starting", s:states())
  end)

  it("ends a restart without another try", function()
    local s = new { child "a" }:boot()
    s:died("a", "exit", 1)
    assert.same({}, s:ignored "a")
    assert.equal("a:stopped", s:states())
  end)
end)

describe("start_child", function()
  it("adds a child behind the others", function()
    local s = new { child "a" }:boot()
    assert.same({ "start b" }, s:call("start_child", child "b"))
    assert.same({ "ok b" }, s:started "b")
    assert.equal("a:running b:running", s:states())
  end)

  it("refuses a name that is there", function()
    local s = new { child "a" }:boot()
    assert.same({ "already_started a" }, s:call("start_child", child "a"))
    s:call("terminate_child", "a")
    s:died "a"
    assert.same({ "already_present a" }, s:call("start_child", child "a"))
  end)

  it("keeps nothing of one that fails, and does not try again", function()
    local s = new { child "a" }:boot()
    s:call("start_child", child "b")
    assert.same({ "failed b", "no luck b" }, s:failed "b")
    assert.equal("a:running", s:states())
    assert.equal(0, #s.machine.history)
  end)

  it("waits behind deaths, and deaths wait behind it", function()
    local s = new({ child "a", child("b", { ready = true }) }, { strategy = "one_for_all" }):boot()
    s:died("a", "exit", 1) -- b is being stopped
    assert.same({}, s:call("start_child", child "c"))
    s:died "b"
    s:started "a"
    s:started "b"
    assert.same({ "start c" }, s:ready "b")
    assert.same({}, s:died("a", "exit", 1))
    assert.same({ "ok c", "restart a", "TERM c" }, s:started "c")
  end)
end)

describe("terminate_child", function()
  it("stops one and leaves the others alone, under any strategy", function()
    local s = three "one_for_all"
    assert.same({ "TERM b" }, s:call("terminate_child", "b"))
    assert.same({ "ok b" }, s:died "b")
    assert.equal("a:running b:stopped c:running", s:states())
    assert.same({ "ok b" }, s:call("terminate_child", "b"))
    assert.same({ "not_found x" }, s:call("terminate_child", "x"))
    assert.equal(0, #s.machine.history)
  end)

  it("cancels a restart", function()
    local s = new { child("a", { backoff = kinds.backoff { initial = 9 } }) }:boot()
    s:died("a", "exit", 1)
    assert.same({ "ok a" }, s:call("terminate_child", "a"))
    assert.same({}, s:pass(10))
    assert.equal("a:stopped", s:states())
  end)

  it("forgets a temporary child, and ends nothing by auto_shutdown", function()
    local s = new({ child("a", { restart = kinds.temporary, significant = true }), child "b" },
      { auto_shutdown = "any_significant" }):boot()
    s:call("terminate_child", "a")
    assert.same({ "ok a" }, s:died "a")
    assert.equal("b:running", s:states())
  end)
end)

describe("restart_child and delete_child", function()
  it("are for a child that is stopped", function()
    local s = new { child("a", { backoff = kinds.backoff { initial = 9 } }), child "b" }:boot()
    for _, call in ipairs { "restart_child", "delete_child" } do
      assert.same({ "running b" }, s:call(call, "b"))
      assert.same({ "not_found x" }, s:call(call, "x"))
    end
    s:died("a", "exit", 1)
    assert.same({ "restarting a" }, s:call("restart_child", "a"))
    assert.same({ "restarting a" }, s:call("delete_child", "a"))
  end)

  it("start it once more, or forget it", function()
    local s = new { child "a", child "b" }:boot()
    s:call("terminate_child", "a")
    s:died "a"
    s:call("restart_child", "a")
    assert.same({ "failed a", "no luck a" }, s:failed "a")
    assert.equal("a:stopped b:running", s:states())
    assert.same({ "ok a" }, s:call("delete_child", "a"))
    assert.equal("b:running", s:states())
  end)
end)

describe("a supervisor that ends", function()
  it("answers every call that it has not carried out", function()
    local s = new { child "a", child("b", { ready = true }) }:boot()
    s:call("start_child", child("c", { ready = true }))
    assert.same({}, s:call("terminate_child", "a"))
    local words = s:send { "stop" }
    assert.same({ "stopping c", "stopping a", "TERM c" }, words)
    assert.same({ "not running a" }, s:call("delete_child", "a"))
  end)
end)

-- V16
describe("a heartbeat", function()
  local heartbeat = { interval = 1, threshold = 3 }

  it("keeps a child that is busy, and ends one that hangs", function()
    local s = new { child("a", { heartbeat = heartbeat }) }:boot()
    assert.same({ "pulse a" }, s:pass(3))
    assert.same({}, s:about("beat", "a", { n = 1 }))
    assert.same({ "pulse a" }, s:pass(3))
    assert.same({}, s:about("beat", "a", { n = 4 }))
    assert.same({ "pulse a" }, s:pass(3))
    assert.same({ "hung a", "TERM a" }, s:about("beat", "a", { n = 4 }))
    assert.same({ "KILL a" }, s:pass(5))
    assert.same({ "restart a", "start a" }, s:died("a", "signal", 9))
    assert.equal("no heartbeat for 3 s", s.actions[1].reason)
  end)

  it("is not felt for while the child is being stopped", function()
    local s = new { child("a", { heartbeat = heartbeat }), child "b" }:boot()
    s:pass(3)
    s:about("beat", "a", { n = 0 })
    s:send { "stop" }
    s:died "b"
    assert.same({ "ended stopped" }, s:died "a")
  end)

  it("that is hung ends as a stop when all are stopped", function()
    local s = new { child("a", { heartbeat = heartbeat }) }:boot()
    for _ = 1, 2 do
      s:pass(3)
      s:about("beat", "a", { n = 0 })
    end
    assert.same({}, s:send { "stop" })
    assert.same({ "ended stopped" }, s:died "a")
  end)

  it("must be allowed to come before it is missed", function()
    assert.error_matches(function()
      billiard.topology.supervisor { name = "s", { name = "a", target = print,
        heartbeat = { interval = 2, threshold = 2 } } }
    end, "threshold %(2 s%) must be above interval")
  end)
end)
