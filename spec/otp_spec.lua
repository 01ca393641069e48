-- Erlang's own supervisor and ours live through the same random scripts of
-- deaths, failing starts and calls, and must start and stop the same children
-- in the same order, answer the same and end the same. What differs on purpose
-- is in docs/api/supervisor.md ("Differences from Erlang") and in `excused`.
--
-- SEED=n makes the scripts of a run again, BILLIARD_OTP_SCRIPTS=n more of them.

local helper = require "spec.helper"
local lives = require "spec.fixtures.lives"
local world = require "spec.fixtures.world"

local MOST_AT_ONCE <const> = 500

local wanted = tonumber(os.getenv "BILLIARD_OTP_SCRIPTS")
  or os.getenv "BILLIARD_SPEC_GC" and 20 or 300
local seed = tonumber(os.getenv "SEED") or os.time()

-- Where Erlang's supervisor is deaf until a start function returns, ours goes
-- on while the one child that restarts is starting: with calls, which may get
-- another answer, and with other restarts, which may overtake the next try of a
-- start whose failure is told late. With a group all that waits.
local function excused(script)
  return script[2]:find "one_for_one" and table.concat(script, "\n"):find "die:[^\n]* %a+:"
end

-- The first step that differs, as text; nil when none does. And whether all
-- could be compared. stale: the step in which a child failed again before it was
-- tried again, because of another's restart. In Erlang the first failure's try
-- comes all the same, and before deaths that ours takes first.
local function difference(script, theirs, ours, stale)
  for i = 1, math.max(#theirs, #ours) do
    if theirs[i] == "slow" or i == stale then return nil, false end
    if theirs[i] ~= ours[i] then
      return ("SEED=%d\n%s\nstep %d\n  Erlang:   %s\n  billiard: %s"):format(seed,
        table.concat(script, "\n"), i, theirs[i], ours[i])
    end
  end
  return nil, true
end

-- Makes scripts, at most so many at once: calls f with each and with what
-- Erlang makes of it; how many f found to be complete.
local function each(count, options, f)
  local complete = 0
  math.randomseed(seed)
  for first = 1, count, MOST_AT_ONCE do
    local scripts = {}
    for i = first, math.min(count, first + MOST_AT_ONCE - 1) do
      table.insert(scripts, lives.script("s" .. i, options))
    end
    local told = lives.erlang(scripts)
    for _, script in ipairs(scripts) do
      if f(script, told[script[1]]) then complete = complete + 1 end
    end
  end
  return complete
end

local function compare(lazy)
  return function(script, theirs)
    if lazy and excused(script) then return false end
    local ours, stale = world.run(script, lazy)
    local problem, complete = difference(script, theirs, ours, stale)
    assert.is_nil(problem)
    return complete
  end
end

-- `it` where Erlang is.
local function otp_it(name, f)
  it(name, function()
    if not lives.available() then return pending "escript is not installed" end
    f()
  end)
end

describe("our supervisor and Erlang's", function()
  helper.guard()
  print("otp_spec: SEED=" .. seed)

  otp_it("do the same in random lives", function()
    assert.is_true(each(wanted, nil, compare(false)) > 0.9 * wanted)
  end)

  otp_it("do the same when the news of starts and stops is late", function()
    -- a third of them is excused, and of a few scripts it may be more
    local enough = wanted / (wanted < 100 and 4 or 2)
    assert.is_true(each(wanted, nil, compare(true)) > enough)
  end)

  otp_it("forget restarts that are further apart than the window", function()
    local count = math.ceil(wanted / 4)
    -- where the machine is too slow for a script, that proves nothing
    assert.is_true(each(count, { gaps = true }, compare(false)) > count / 2)
  end)

  otp_it("do the same with supervisors below them", function()
    assert.is_true(each(wanted, { nested = true }, compare(false)) > 0.9 * wanted)
  end)

  otp_it("do the same in lives that are rare", function()
    local scripts = lives.rare()
    local told = lives.erlang(scripts)
    for _, script in ipairs(scripts) do
      assert.is_true(compare(false)(script, told[script[1]]))
    end
  end)
end)
