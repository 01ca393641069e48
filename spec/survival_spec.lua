-- What processes share, while a killer goes round: nobody hangs, and the
-- ledgers balance.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local sync = require "spec.fixtures.sync"

local Process = billiard.Process
local LONG <const> = sync.LONG
local KILLS <const> = 120
-- of each process; the count that is promised with BILLIARD_SECTIONS=100000
local SECTIONS <const> = tonumber(os.getenv "BILLIARD_SECTIONS") or 10000
local SEED <const> = tonumber(os.getenv "BILLIARD_SEED") or os.time()

-- Runs f(i, stop) in n children, again and again killed and replaced, until `kills`
-- were, and enough() is true; then `stop` is set, last() called, and what is left of
-- them must end by itself.
local function harass(n, kills, f, last, enough)
  local stop <close> = assert(billiard.Event())
  local all = {}
  local function start(i)
    all[i] = Process { target = function() f(i, stop) end }
    assert(all[i]:start())
  end
  for i = 1, n do start(i) end
  local until_when = billiard.now() + LONG
  while kills > 0 or enough and not enough() and billiard.now() < until_when do
    local nap = kills > 0 and 0.004 or 0.2 -- longer, where all is slow
    kills = kills - 1
    billiard.sleep(math.random() * nap) -- busy: so that they are anywhere
    local i = math.random(n)
    all[i]:kill() -- it may have ended
    assert(all[i]:join(LONG))
    all[i]:close()
    start(i)
  end
  stop:set()
  if last then last() end
  for _, p in ipairs(all) do
    local ended = p:join(LONG)
    if not ended or p.exitcode ~= 0 then p:kill() end
    p:join(LONG)
    assert(ended and p.exitcode == 0, ("seed %d: %s"):format(SEED,
      ended and tostring(p.error or p.exitcode) or "one hangs"))
    p:close()
  end
end

describe("what is shared with processes that are killed at any moment", function()
  helper.guard()
  before_each(function() math.randomseed(SEED) end)

  -- Each section writes "begun" to a ledger of its own, counts, writes "done":
  -- who inherits the lock finds at most one that is half done, and mends it.
  for name, new in pairs { Lock = billiard.Lock, RLock = billiard.RLock } do
    it(("10 processes x %d sections under a %s: the counter equals the ledger"):format(SECTIONS,
      name), function()
      local n <const> = 10
      local lock <close> = assert(new())
      local count <close> = assert(billiard.Value "i64")
      local begun <close> = assert(billiard.Array("i64", n))
      local done <close> = assert(billiard.Array("i64", n))
      local told <close> = assert(billiard.Value "i64")
      local function sum(array)
        local total = 0
        for _, part in ipairs(array:get()) do total = total + part end
        return total
      end
      local function mend()
        told:add(1)
        local missing = sum(begun) - sum(done)
        assert(missing == 0 or missing == 1)
        assert(count.value == sum(done) or count.value == sum(done) + 1)
        done:set(1, begun:get())
        count.value = sum(done)
      end
      harass(n, KILLS, function(i)
        while done[i] < SECTIONS do
          local ok, how = lock:acquire(LONG)
          assert(ok, how)
          if how == "owner_died" then mend() end
          assert(done[i] == begun[i])
          if done[i] < SECTIONS then
            begun[i] = begun[i] + 1
            count.value = count.value + 1
            done[i] = done[i] + 1
          end
          lock:release()
        end
      end)
      assert.same({ true, n = 1 }, table.pack(lock:acquire(LONG))) -- all told, all mended
      assert.same({ n * SECTIONS, n * SECTIONS, n * SECTIONS },
        { count.value, sum(done), sum(begun) })
      assert.is_true(told.value <= KILLS)
      lock:release()
    end)
  end

  it("permits are never more than there were, and all are back at the end", function()
    local bound <const> = 3
    local permits <close> = assert(billiard.BoundedSemaphore(bound))
    local rounds <close> = assert(billiard.Value "i64")
    harass(6, KILLS, function(_, stop)
      while not stop:is_set() do
        assert(permits:acquire(LONG))
        local left = permits:value()
        assert(left >= 0 and left < bound)
        rounds:add(1)
        assert(permits:release())
      end
    end)
    assert.equal(bound, permits:value())
    for _ = 1, bound do assert.is_true(permits:acquire(0)) end
    assert.is_nil((permits:acquire(0)))
    for _ = 1, bound do permits:release() end
    assert.is_true(rounds.value > 0)
  end)

  -- A token goes round; who has it passes it on. Those who wait for theirs are
  -- killed like those who notify.
  it("no wake-up of a condition is lost", function()
    local n <const> = 4
    local condition <close> = assert(billiard.Condition())
    local turn <close> = assert(billiard.Value("i64", 0))
    local turned <close> = assert(billiard.Value("f64", billiard.now()))
    harass(n, KILLS, function(i, stop)
      local function is_mine() return turn.value % n == i - 1 or stop:is_set() end
      while not stop:is_set() do
        condition:with(function()
          local began = billiard.now()
          assert(condition:wait_for(is_mine, 2 * LONG))
          if began < turned.value and not stop:is_set() then -- it slept when it was woken
            assert(billiard.now() - turned.value < 1 * helper.scale)
          end
          turn:add(1)
          turned.value = billiard.now()
          condition:notify_all()
        end)
      end
    end, function() condition:with(condition.notify_all, condition) end)
    assert.is_true(turn.value > n)
    assert.is_true((condition:acquire(LONG)))
    assert.equal(0, condition:notify_all()) -- nobody is left behind
    condition:release()
  end)

  it("nobody stays at a barrier", function()
    local n <const> = 4
    local barrier <close> = assert(billiard.Barrier(n))
    local passed <close>, broken = assert(billiard.Value "i64"), assert(billiard.Value "i64")
    harass(n, KILLS, function(_, stop)
      while not stop:is_set() do
        local index, err, code = barrier:wait(LONG)
        if index then
          passed:add(1)
        elseif code == "broken" then
          broken:add(1)
          barrier:reset()
        elseif not stop:is_set() then
          error(err)
        end
      end
      barrier:abort()
    end, nil, function() return passed.value > 0 and broken.value > 0 end)
    assert.is_true(passed.value > 0 and broken.value > 0)
    broken:close()
    barrier:reset()
    assert.same({ 0, false }, { barrier.n_waiting, barrier.broken })
    sync.together(n, function() assert(barrier:wait(LONG)) end)
  end)
end)
