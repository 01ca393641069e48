-- Barrier: parties that go on together, or not at all.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local sync = require "spec.fixtures.sync"

local Barrier, Process = billiard.Barrier, billiard.Process
local LONG <const> = sync.LONG
local BROKEN <const> = { n = 3, nil, "the barrier is broken", "broken" }

-- n children that wait once; they exit with their index, or 100 when it was
-- broken. Returned when they wait.
local function parties(barrier, n)
  local all = {}
  local before = barrier.n_waiting
  for i = 1, n do
    all[i] = Process { target = function()
      local index, _, code = barrier:wait(LONG)
      os.exit(index or code == "broken" and 100 or 101)
    end }
    assert(all[i]:start())
  end
  helper.eventually(function() return barrier.n_waiting == before + n end)
  return all
end

-- How they ended, in order.
local function codes(all)
  local list = {}
  for i, p in ipairs(all) do
    assert(p:join(LONG))
    list[i] = p.exitcode
    p:close()
  end
  table.sort(list)
  return list
end

describe("billiard.Barrier", function()
  helper.guard()

  it("lets all go when the last has come, each with its index", function()
    local barrier <close> = assert(Barrier(4))
    assert.same({ 4, 0, false }, { barrier.parties, barrier.n_waiting, barrier.broken })
    local all = parties(barrier, 3)
    assert.same({ 3, false }, { barrier.n_waiting, barrier.broken })
    assert.same({ 4, n = 1 }, table.pack(barrier:wait(LONG)))
    assert.same({ 1, 2, 3 }, codes(all))
    assert.equal(0, barrier.n_waiting)
  end)

  it("is used again and again, by many", function()
    local barrier <close> = assert(Barrier(5))
    local at <close> = assert(billiard.Array("i32", 5))
    local sum <close> = assert(billiard.Value "i64")
    sync.together(5, function(i)
      for round = 1, 1000 do
        at[i] = round
        sum:add(assert(barrier:wait(LONG)))
        for other = 1, 5 do assert(at[other] == round or at[other] == round + 1) end
      end
    end)
    assert.same({ 1000 * (1 + 2 + 3 + 4 + 5), 0, false },
      { sum.value, barrier.n_waiting, barrier.broken })
  end)

  it("has its action run by one, before all go", function()
    local ran <close> = assert(billiard.Value "i32")
    local barrier <close> = assert(Barrier(3, function() ran:add(1) end))
    sync.together(3, function()
      for round = 1, 10 do
        assert(barrier:wait(LONG))
        assert(ran.value >= round and ran.value <= round + 1)
      end
    end)
    assert.equal(10, ran.value)
  end)

  it("is broken by an action that raises, for all", function()
    local barrier <close> = assert(Barrier(2, function() error("no", 0) end))
    local all = parties(barrier, 1)
    assert.has_error(function() barrier:wait(LONG) end, "no")
    assert.same({ { 100 }, true }, { codes(all), barrier.broken })
    assert.same(BROKEN, table.pack(barrier:wait(LONG)))
  end)

  it("K09: is broken by a party that dies while it waits, and can be reset", function()
    local barrier <close> = assert(Barrier(4))
    local all = parties(barrier, 3)
    local began = billiard.now()
    sync.kill(table.remove(all, 2))
    assert.same({ 100, 100 }, codes(all))
    assert.is_true(billiard.now() - began < 1 * helper.scale)
    assert.same({ true, 0 }, { barrier.broken, barrier.n_waiting })
    assert.same(BROKEN, table.pack(barrier:wait(LONG)))
    assert.is_true(barrier:reset())
    assert.is_false(barrier.broken)
    all = parties(barrier, 3)
    assert.equal(4, barrier:wait(LONG))
    assert.same({ 1, 2, 3 }, codes(all))
  end)

  it("is broken by a death that nobody has waited to see", function()
    local barrier <close> = assert(Barrier(2))
    sync.kill((parties(barrier, 1))[1])
    assert.same(BROKEN, table.pack(barrier:wait(LONG)))
    barrier:reset()
    sync.kill((parties(barrier, 1))[1])
    assert.is_true(barrier.broken)
  end)

  it("K11: is broken by one that does not come in time, for all", function()
    local barrier <close> = assert(Barrier(3, nil, 0.05))
    local all = parties(barrier, 1)
    local began = billiard.now()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(barrier:wait()))
    assert.is_true(billiard.now() - began >= 0.05)
    assert.same({ { 100 }, true }, { codes(all), barrier.broken })
    barrier:reset()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(barrier:wait(0)))
    barrier:reset()
    began = billiard.now()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(barrier:wait(0.1)))
    assert.is_true(billiard.now() - began >= 0.1)
  end)

  it("is aborted for those who wait and those who come", function()
    local barrier <close> = assert(Barrier(3))
    local all = parties(barrier, 2)
    assert.is_true(barrier:abort())
    assert.same({ { 100, 100 }, true }, { codes(all), barrier.broken })
    assert.same(BROKEN, table.pack(barrier:wait(LONG)))
    barrier:reset()
    assert.same({ false, 0 }, { barrier.broken, barrier.n_waiting })
  end)

  it("is reset under those who wait, for whom it was broken", function()
    local barrier <close> = assert(Barrier(3))
    local all = parties(barrier, 2)
    barrier:reset()
    assert.is_false(barrier.broken)
    assert.same({ 100, 100 }, codes(all))
    assert.is_false(barrier.broken)
  end)

  it("K12: waits for one that is stopped", function()
    local barrier <close> = assert(Barrier(3))
    local all = parties(barrier, 2)
    assert(all[1]:send_signal "STOP")
    helper.eventually(function() return helper.proc_state(all[1].pid) == "T" end)
    assert.equal(2, barrier.n_waiting)
    assert.equal(3, barrier:wait(LONG)) -- it is there, and goes when it can
    assert(all[2]:join(LONG))
    assert.is_true(all[1]:is_alive())
    assert(all[1]:send_signal "CONT")
    assert.same({ 1, 2 }, codes(all))
  end)

  it("is nothing to wait at for one", function()
    local barrier <close> = assert(Barrier(1))
    for _ = 1, 3 do assert.equal(1, barrier:wait(0)) end
    assert.is_false(barrier.broken)
  end)

  it("has its caller's waiting done by the waiter, coroutines being parties", function()
    for _, run in pairs(loops) do
      local acted = 0
      local barrier <close> = assert(Barrier(3, function()
        billiard.sleep(0.01) -- busy: an action that waits
        acted = acted + 1
      end))
      local sum = 0
      local function party()
        for _ = 1, 2 do
          local index = assert(barrier:wait(LONG))
          sum = sum + index
        end
      end
      run(party, party, function()
        while barrier.n_waiting < 2 do billiard.sleep(0.001) end -- busy: they come
        assert.has_error(function() barrier:close() end, "close: this process waits at the Barrier")
        party()
      end)
      assert.same({ 2, 12, false }, { acted, sum, barrier.broken })
    end
  end)

  it("is broken by what leaves a wait as an error", function()
    local barrier <close> = assert(Barrier(3))
    local all = parties(barrier, 1)
    billiard.set_waiter(function() error "enough" end)
    local ok, err = pcall(barrier.wait, barrier)
    billiard.set_waiter()
    assert.is_false(ok)
    assert.matches("enough", err)
    assert.same({ { 100 }, true }, { codes(all), barrier.broken })
  end)

  it("refuses what makes no sense", function()
    for _, n in ipairs { 0, -1, 1.5, "x", 1001, {} } do
      assert.has_error(function() Barrier(n) end)
    end
    assert.has_error(function() Barrier(2, "print") end)
    assert.has_error(function() Barrier(2, nil, 0 / 0) end)
    local barrier <close> = assert(Barrier(2))
    assert.equal("<Barrier(0 of 2)>", tostring(barrier))
    for _, wrong in ipairs { 0 / 0, "1", true } do
      assert.has_error(function() barrier:wait(wrong) end)
    end
    assert.same({ false, nil }, { barrier.broken, barrier.other })
    assert.has_error(function() barrier.parties = 3 end)
    barrier:abort()
    assert.equal("<Barrier(broken)>", tostring(barrier))
  end)

  it("K14: raises once it is closed", function()
    local barrier = assert(Barrier(2))
    barrier:close()
    barrier:close()
    for _, call in ipairs { "wait", "abort", "reset" } do
      local ok, err = pcall(barrier[call], barrier)
      assert.is_false(ok)
      assert.equal(call .. ": Barrier is closed", err)
    end
    for _, field in ipairs { "parties", "n_waiting", "broken" } do
      assert.has_error(function() return barrier[field] end, field .. ": Barrier is closed")
    end
    assert.equal("<Barrier(closed)>", tostring(barrier))
  end)
end)
