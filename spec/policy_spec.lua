-- Policies: ladders as data, restarts as pure functions, and users' own ones
-- behind a guard.

local helper = require "spec.helper"
local billiard = require "billiard"
local guard = require "billiard.policy.guard"

local policy = billiard.policy

local function ended(outcome, at, random)
  return { kind = "died", outcome = outcome, at = at or 0, random = random or 0.5 }
end

describe("billiard.policy", function()
  helper.guard()

  it("completes a ladder with KILL and says which step is wrong", function()
    assert.same({ { "TERM", 2 }, { "KILL", 0 } }, policy.check_ladder { { "TERM", 2 } })
    local ladder, problem = policy.check_ladder { { "TERM", 2 }, { "INT" } }
    assert.is_nil(ladder)
    assert.matches("step 2", problem)
  end)

  -- V07
  it("restarts by kind and outcome", function()
    local expected = {
      permanent = { ok = "restart", failed = "restart", killed = "restart" },
      transient = { ok = "leave", failed = "restart", killed = "restart" },
      temporary = { ok = "drop", failed = "drop", killed = "drop" },
    }
    for kind, outcomes in pairs(expected) do
      for outcome, action in pairs(outcomes) do
        assert.equal(action, policy.restart[kind](ended(outcome)), kind .. " " .. outcome)
      end
    end
  end)

  it("gives up when more restarts than allowed fall into the window", function()
    local window = policy.restart.intensity { max = 2, period = 10 }
    local history = { { id = "a", at = 0 }, { id = "b", at = 6 } }
    assert.equal("give_up", window(ended("failed", 10), {}, history))
    assert.equal("restart", window(ended("failed", 10.1), {}, history))
    assert.equal("give_up", policy.restart.intensity { max = 0 }(ended("ok"), {}, {}))
  end)

  it("waits longer each time, to a limit, and begins anew after a stable run", function()
    local backoff = policy.restart.backoff { initial = 1, factor = 3, max = 10 }
    local history, waits = {}, {}
    for i = 1, 4 do
      waits[i] = backoff(ended("failed"), { id = "a", ran = 0 }, history).after
      history[i] = { id = "a", at = i, ran = 0 }
    end
    assert.same({ 1, 3, 9, 10 }, waits)
    assert.equal(1, backoff(ended("failed"), { id = "b", ran = 0 }, history).after)
    assert.equal(1, backoff(ended("failed"), { id = "a", ran = 10 }, history).after)
  end)

  it("shakes a wait by its share, and never beyond the limit", function()
    local backoff = policy.restart.backoff { initial = 8, factor = 1, max = 10, jitter = 0.5 }
    local function wait(random)
      return backoff(ended("failed", 0, random), { id = "a", ran = 0 }, {}).after
    end
    assert.equal(4, wait(0))
    assert.equal(8, wait(0.5))
    assert.equal(10, wait(0.99))
  end)

  it("refuses bad options where they are written", function()
    local bad = {
      [{ max = -1 }] = "'max'", [{ max = 1.5 }] = "'max'", [{ max = 1001 }] = "'max'",
      [{ period = 0 }] = "'period'", [{ window = 1 }] = "unknown option 'window'",
    }
    for options, word in pairs(bad) do
      local ok, message = pcall(function() policy.restart.intensity(options) end)
      assert.is_false(ok)
      assert.matches("^spec/policy_spec%.lua:%d+: intensity: ", message)
      assert.matches(word, message, 1, true)
    end
    assert.has_error(function() policy.restart.backoff { jitter = 2 } end)
    assert.has_error(function() policy.restart.backoff { factor = 0 / 0 } end)
  end)
end)

describe("a policy of the user's", function()
  helper.guard()

  local function ask(f, history)
    return guard.ask(f, policy.restart.transient, ended("ok"), { id = "a" }, history or {})
  end

  it("has its answer taken: a word, or a restart with a wait", function()
    assert.same({ "give_up", 0 }, { ask(function() return "give_up" end) })
    assert.same({ "restart", 2.5 },
      { ask(function() return { "restart", after = 2.5 } end) })
  end)

  local nonsense = {
    ["a number"] = 42, ["a word that is none"] = "perhaps", ["an empty table"] = {},
    ["a negative wait"] = { "restart", after = -1 },
    ["a wait that is no number"] = { "restart", after = "soon" },
    ["NaN"] = { "restart", after = 0 / 0 },
  }
  for what, answer in pairs(nonsense) do
    it("that answers " .. what .. " is reported, and the default applies", function()
      local word, after, problem = ask(function() return answer end)
      assert.same({ "leave", 0 }, { word, after })
      assert.matches("answered", problem)
    end)
  end

  it("that answers nothing or raises gets no say", function()
    assert.equal("leave", (ask(function() end)))
    local word, _, problem = ask(function() error "oh" end)
    assert.equal("leave", word)
    assert.matches("oh", problem)
  end)

  it("that does not end is ended, whatever it catches", function()
    local loops = {
      function() while true do end end,
      function() while true do pcall(function() while true do end end) end end,
      function() while true do pcall(error) end end,
    }
    for _, loop in ipairs(loops) do
      local word, _, problem = ask(loop)
      assert.equal("leave", word)
      assert.matches("does not end", problem)
    end
  end)

  it("that yields gets no say", function()
    local _, _, problem = ask(function() coroutine.yield "restart" end)
    assert.matches("yielded", problem)
  end)

  it("cannot change what it is given", function()
    local history = { { id = "a", at = 1, ran = 0 } }
    local _, _, problem = ask(function(_, _, h) h[1].at = "never" end, history)
    assert.matches("must not change", problem)
    assert.equal(1, history[1].at)
  end)

  it("leaves the hook of its caller alone", function()
    local function hook() end
    debug.sethook(hook, "", 1000000)
    ask(function() while true do end end)
    local after = debug.gethook()
    debug.sethook()
    assert.equal(hook, after)
  end)
end)
