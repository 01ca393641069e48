-- The crew of a pool: events and a clock of the test's own in, actions out. No
-- process is started here.

local crew = require "billiard.pool.crew"

local Fake = {}
Fake.__index = Fake

local RULES <const> = { processes = 2, idle_timeout = 10, max_restarts = 10,
  max_restart_freq = 60, start_timeout = 30 }

-- A crew; options are rules.
local function new(rules)
  local all = setmetatable(rules or {}, { __index = RULES })
  all.min, all.max = all.min or all.processes, all.max or all.processes
  local s = setmetatable({ now = 100, load = 0, finished = 0, busy = {} }, Fake)
  s.crew = crew.new(all, function(ref) return s.busy[ref] end)
  return s
end

-- Sends an event; the actions, in words.
function Fake:send(kind, more)
  local event = more or {}
  event.kind, event.at, event.load, event.finished = kind, self.now, self.load, self.finished
  local words = {}
  for i, action in ipairs(crew.handle(self.crew, event)) do
    words[i] = action[1] .. " " .. action[2]
  end
  return words
end

function Fake:up(ref) return self:send("up", { ref = ref }) end
function Fake:gone(ref, worked)
  return self:send("gone", { ref = ref, worked = worked, reason = "it died" })
end
function Fake:failed(ref) return self:send("failed", { ref = ref, reason = "no luck" }) end

function Fake:pass(seconds)
  self.now = self.now + seconds
  return self:send "tick"
end

-- All that were started are up.
function Fake:boot()
  self:send "boot"
  for ref = 1, self.crew.goal do self:up(ref) end
  return self
end

function Fake:due() return crew.due(self.crew) - self.now end

describe("billiard.pool.crew", function()
  it("starts as many workers as it should have", function()
    local s = new { processes = 3 }
    assert.same({ "start 1", "start 2", "start 3" }, s:send "boot")
    assert.same({}, s:up(2))
  end)

  it("gives a worker the lowest index that is free", function()
    local s = new():boot()
    s:gone(1, true)
    assert.equal(1, s.crew:find(3).index)
  end)

  it("replaces a worker that died at its work, as often as that happens", function()
    local s = new { processes = 1, max_restarts = 1 }:boot()
    for ref = 1, 20 do
      assert.same({ "start " .. ref + 1 }, s:gone(ref, true))
      s:up(ref + 1)
    end
  end)

  describe("restart budget", function()
    it("waits longer and longer between workers that do nothing", function()
      local s = new { processes = 1 }:boot()
      assert.same({ "start 2" }, s:gone(1))
      for ref, wait in ipairs { 0.01, 0.02, 0.04, 0.08 } do
        s:up(ref + 1)
        assert.same({}, s:gone(ref + 1))
        assert.near(wait, s:due(), 1e-9)
        assert.same({ "start " .. ref + 2 }, s:pass(wait))
      end
    end)

    it("begins anew when a task was finished", function()
      local s = new { processes = 1 }:boot()
      s:gone(1)
      s:gone(2)
      s:pass(1)
      s.finished = 1
      assert.same({ "start 4" }, s:gone(3))
    end)

    it("is used up by one more than allowed, and all is ended with the last reason", function()
      local s = new { max_restarts = 2 }:boot()
      s:gone(1)
      s:pass(1)
      s:gone(3)
      s:pass(1)
      assert.same({ "kill 2" }, s:gone(4))
      assert.same({ "ended gave_up" }, s:gone(2))
      assert.equal("it died", s.crew.last)
    end)

    it("forgets what lies behind its window", function()
      local s = new { processes = 1, max_restarts = 2 }:boot()
      for ref = 1, 10 do
        s:gone(ref)
        s:pass(31)
      end
      assert.equal("running", s.crew.phase)
      assert.equal(1, s.crew:count "starting")
    end)

    it("forgives ends of workers that were up once a task is done, and no others", function()
      local s = new { processes = 1, max_restarts = 2 }:boot()
      for ref = 1, 10 do
        s:up(ref)
        s:gone(ref)
        s.finished = ref
        s:pass(0)
      end
      assert.equal("running", s.crew.phase)
      for ref = 11, 13 do
        assert.equal("running", s.crew.phase)
        s:failed(ref)
        s:gone(ref)
        s.finished = ref
        s:pass(0)
      end
      assert.not_equal("running", s.crew.phase)
    end)

    it("does not count workers that were told to go", function()
      local s = new { processes = 3, max_restarts = 0 }:boot()
      s:send("shrink", { n = 1 })
      assert.same({}, s:gone(3))
      assert.equal("running", s.crew.phase)
    end)
  end)

  describe("at its start", function()
    it("gives up after three that do not come up", function()
      local s = new { processes = 1 }
      s:send "boot"
      s:failed(1)
      s:gone(1)
      s:failed(2)
      s:pass(1)
      s:failed(3)
      assert.same({}, s:gone(2))
      assert.same({ "ended failed" }, s:gone(3))
      assert.equal("no luck", s.crew.last)
    end)

    it("counts an initializer that failed and its process as one", function()
      local s = new { processes = 1 }
      s:send "boot"
      s:failed(1)
      s:gone(1)
      s:failed(2)
      s:gone(2)
      assert.equal("running", s.crew.phase)
    end)

    it("gives up when none is up in time", function()
      local s = new { start_timeout = 5 }
      s:send "boot"
      assert.near(5, s:due(), 1e-9)
      assert.same({ "kill 1", "kill 2" }, s:pass(5))
      s:gone(1)
      assert.same({ "ended failed" }, s:gone(2))
      assert.truthy(s.crew.last:find("not up within 5 s", 1, true))
    end)

    it("goes on with those that are up", function()
      local s = new()
      s:send "boot"
      s:up(1)
      for ref = 2, 5 do
        s:failed(ref)
        s:pass(1)
      end
      assert.equal("running", s.crew.phase)
    end)
  end)

  it("kills one that does not come up in time, and starts another", function()
    local s = new():boot()
    s:gone(1, true)
    assert.same({ "kill 3", "start 4" }, s:pass(30))
    assert.same({}, s:gone(3))
  end)

  describe("recycling", function()
    it("lets a worker go when its successor is up", function()
      local s = new():boot()
      assert.same({ "start 3" }, s:send("full", { ref = 1 }))
      assert.same({ "retire 1" }, s:up(3))
      assert.same({}, s:gone(1, true))
    end)

    it("keeps it while successors fail", function()
      local s = new():boot()
      s:send("full", { ref = 1 })
      assert.same({ "start 4" }, s:failed(3))
      assert.equal("stale", s.crew:find(1).state)
    end)

    it("replaces at once what leaves by itself", function()
      local s = new():boot()
      assert.same({ "start 3" }, s:send("spent", { ref = 1 }))
      s:up(3)
      assert.same({}, s:gone(1, true))
    end)

    it("is due when a worker is too old", function()
      local s = new { processes = 1, max_age = 60 }:boot()
      assert.near(60, s:due(), 1e-9)
      assert.same({}, s:pass(59))
      assert.same({ "start 2" }, s:pass(1))
      assert.same({ "retire 1" }, s:up(2))
    end)

    it("replaces all for restart, each when another has come", function()
      local s = new():boot()
      assert.same({ "start 3", "start 4" }, s:send "restart")
      assert.same({ "retire 1" }, s:up(3))
      assert.same({ "retire 2" }, s:up(4))
    end)

    it("does not let go of one whose successor is not up, when another dies", function()
      local s = new():boot()
      s:send("full", { ref = 1 })
      assert.same({ "start 4" }, s:gone(2, true))
      assert.same({}, s:up(3))
      assert.same({ "retire 1" }, s:up(4))
    end)
  end)

  describe("size", function()
    it("grows at once", function()
      local s = new():boot()
      assert.same({ "start 3", "start 4" }, s:send("grow", { n = 2 }))
    end)

    it("lets go of those that are not up, then the idle, then the rest", function()
      local s = new { processes = 3 }:boot()
      s.busy = { [1] = true, [3] = true }
      s:send("grow", { n = 1 })
      assert.same({ "retire 4" }, s:send("shrink", { n = 1 }))
      assert.same({ "retire 2" }, s:send("shrink", { n = 1 }))
      assert.same({ "retire 3" }, s:send("shrink", { n = 1 }))
    end)

    it("follows the demand, one at a time", function()
      local s = new { processes = 1, max = 3 }:boot()
      s.load = 5
      assert.same({ "start 2" }, s:send "tick")
      assert.same({}, s:send "tick")
      assert.same({ "start 3" }, s:up(2))
      assert.same({}, s:up(3))
    end)

    it("shrinks by one for each idle_timeout without demand, down to min", function()
      local s = new { processes = 3, min = 1 }:boot()
      s:send "tick"
      assert.near(10, s:due(), 1e-9)
      assert.same({ "retire 3" }, s:pass(10))
      s.load = 2
      assert.same({}, s:pass(9))
      s.load = 0
      assert.same({}, s:pass(9))
      assert.same({ "retire 2" }, s:pass(10))
      assert.same({}, s:pass(100))
      assert.equal(math.huge, crew.due(s.crew))
    end)

    it("is not bounded by min and max for grow and shrink", function()
      local s = new { processes = 2, min = 2, max = 3 }:boot()
      s:send("grow", { n = 2 })
      s:send("shrink", { n = 3 })
      assert.equal(1, s.crew.goal)
    end)
  end)

  describe("end", function()
    it("lets workers go as soon as there are more than tasks", function()
      local s = new { processes = 3 }:boot()
      s.load, s.busy = 2, { true, true }
      assert.same({ "retire 3" }, s:send "close")
      s.load, s.busy[2] = 1, nil
      assert.same({ "retire 2" }, s:send "tick")
      s.load = 0
      assert.same({ "retire 1" }, s:send "tick")
      s:gone(1, true)
      s:gone(2, true)
      assert.same({ "ended closed" }, s:gone(3))
    end)

    it("still replaces a worker that dies while there is something to do", function()
      local s = new():boot()
      s.load = 2
      s:send "close"
      assert.same({ "start 3" }, s:gone(1, true))
    end)

    it("kills all for terminate, and starts none any more", function()
      local s = new():boot()
      s.load = 2
      assert.same({ "kill 1", "kill 2" }, s:send "terminate")
      assert.same({}, s:gone(1))
      assert.same({ "ended terminated" }, s:gone(2))
    end)

    it("tells once", function()
      local s = new { processes = 1 }:boot()
      s:send "close"
      assert.same({ "ended closed" }, s:gone(1))
      assert.same({}, s:send "terminate")
    end)
  end)
end)
