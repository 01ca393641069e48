-- Erlang's rules that random scripts (otp_spec) meet rarely, or that are about
-- more than one supervisor: one by one, on the pure machine. The common ones
-- are in strategy_spec.

local billiard = require "billiard"
local fake = require "spec.fixtures.supervision"

local kinds = billiard.policy.restart
local child, new = fake.child, fake.new

describe("a failing start", function()
  it("is tried again behind all that was told before", function()
    local s = new({ child "a", child "b" }, { intensity = kinds.intensity { max = 1 } }):boot()
    s:died("a", "exit", 1)
    assert.same({ "failed a" }, s:failed "a")
    assert.same({ "restarting a" }, s:call("restart_child", "a"))
    assert.same({ "ok a" }, s:call("terminate_child", "a"))
    assert.same({}, s:pass(0))
    assert.equal("a:stopped b:running", s:states())
  end)

  it("counts when it is tried again", function()
    local s = new({ child "a", child "b" }, { intensity = kinds.intensity { max = 1 } }):boot()
    s:died("a", "exit", 1)
    s:failed "a"
    assert.equal(1, #s.machine.history)
    assert.same({ "gave_up a", "TERM b" }, s:pass(0))
  end)

  it("asked for by restart_child leaves a child stopped that start_child added", function()
    local s = new({}):boot()
    s:call("start_child", child "a")
    s:started "a"
    s:call("terminate_child", "a")
    s:died "a"
    s:call("restart_child", "a")
    assert.same({ "failed a", "no luck a" }, s:failed "a")
    assert.equal("a:stopped", s:states())
  end)
end)

describe("start_child", function()
  it("says already_present of a child that waits to be started again", function()
    local s = new { child("a", { backoff = kinds.backoff { initial = 9 } }) }:boot()
    s:died("a", "exit", 1)
    assert.same({ "already_present a" }, s:call("start_child", child "a"))
  end)
end)
