-- Event and Semaphore: what is one eventfd, and nobody's.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local socket = require "socket"
local sync = require "spec.fixtures.sync"

local Event, Semaphore, Process = billiard.Event, billiard.Semaphore, billiard.Process
local LONG <const> = sync.LONG

describe("billiard.Event", function()
  helper.guard()

  it("is set and cleared, for all", function()
    local event <close> = assert(Event())
    assert.is_false(event:is_set())
    assert.is_true(event:set())
    assert.is_true(event:set())
    assert.same({ true, true, true, false }, sync.results(function()
      return event:is_set(), event:wait(), event:clear(), event:is_set()
    end))
    assert.is_false(event:is_set())
    assert.is_true(event:clear())
  end)

  it("wakes all who wait, and stays set", function()
    local event <close> = assert(Event())
    local all = {}
    for i = 1, 3 do
      all[i] = Process { target = function() os.exit(event:wait(LONG) and 7 or 8) end }
      assert(all[i]:start())
    end
    for _, p in ipairs(all) do
      helper.eventually(function() return helper.proc_state(p.pid) == "S" end)
    end
    event:set()
    for _, p in ipairs(all) do
      assert.same({ true, "exit", 7 }, { p:join(LONG) })
      p:close()
    end
    assert.is_true(event:wait(0))
  end)

  it("K11: waits as long as it is told", function()
    local event <close> = assert(Event())
    for _, seconds in ipairs { 0, -1, -math.huge, 0.03 } do
      local began = billiard.now()
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(event:wait(seconds)))
      assert.is_true(billiard.now() - began >= seconds)
    end
    for _, timeout in ipairs { 0 / 0, "1", false } do
      assert.has_error(function() event:wait(timeout) end)
    end
    event:set()
    for _, seconds in ipairs { 0, -1, 1e300, math.huge } do
      assert.is_true(event:wait(seconds))
    end
  end)

  it("K10: goes on when those who set it are killed", function()
    local event <close> = assert(Event())
    for _ = 1, 20 do
      local p = sync.child(function(there)
        there()
        while true do
          event:set()
          event:clear()
        end
      end)
      sync.kill(p)
      event:clear()
      assert.is_false(event:is_set())
      event:set()
      assert.is_true(event:wait(LONG))
    end
  end)

  it("is a descriptor to other loops", function()
    local event <close> = assert(Event())
    local poller <close> = billiard.Poller()
    assert(poller:add(event, "event"))
    assert.same({ 0, {}, {} }, { #socket.select({ event }, nil, 0),
      billiard.wait({ event }, 0), poller:wait(0) })
    assert.equal(event:fileno(), event:pollfd())
    assert.same({ "r", nil, false }, { event:events(), event:timeout(), event:dirty() })
    event:set()
    assert.equal(event, socket.select({ event }, nil, LONG)[1])
    assert.same({ { event }, { "event" } },
      { billiard.wait({ event }, LONG), poller:wait(LONG) })
    poller:remove(event)
  end)

  it("has its caller's waiting done by the waiter", function()
    for _, run in pairs(loops) do
      local event <close> = assert(Event())
      local order = {}
      run(function()
        order[1] = table.pack(event:wait(0.01))
        order[2] = event:wait(LONG)
      end, function() order[3] = event:wait() end, function()
        while not order[1] do billiard.sleep(0.01) end -- busy: what goes on meanwhile
        order[4] = order[2] == nil
        event:set()
      end)
      assert.same({ { n = 3, nil, "timeout", "timeout" }, true, true, true }, order)
    end
  end)

  it("K14: raises once it is closed", function()
    local event = assert(Event())
    event:close()
    event:close()
    for _, call in ipairs { "set", "clear", "is_set", "wait", "fileno", "pollfd", "dirty" } do
      local ok, err = pcall(event[call], event)
      assert.is_false(ok)
      assert.equal(call .. ": Event is closed", err)
    end
    assert.equal("<Event(closed)>", tostring(event))
    assert.has_error(function() event.set(io.stdout) end)
  end)

  it("shows whether it is set", function()
    local event <close> = assert(Event())
    assert.equal("<Event(unset)>", tostring(event))
    event:set()
    assert.equal("<Event(set)>", tostring(event))
  end)

  it("is an error of the world where no descriptor is left", function()
    local words = child.words { limits = { nofile = 40 }, target = function()
      for _, new in ipairs { Event, billiard.Lock, function() return Semaphore(1) end } do
        local all, result = {}
        repeat
          result = table.pack(new())
          all[#all + 1] = result[1]
        until not result[1]
        io.write((result[2]:gsub(" ", "_")), " ", result[3], "\n")
        for _, object in ipairs(all) do object:close() end
      end
    end }
    assert.same({ "too_many_open_files_(Event)", "EMFILE", "too_many_open_files_(Lock)",
      "EMFILE", "too_many_open_files_(Semaphore)", "EMFILE" }, words)
  end)
end)

describe("billiard.Semaphore", function()
  helper.guard()

  it("is taken from until it is empty, by all together", function()
    local semaphore <close> = assert(Semaphore(3))
    assert.equal(3, semaphore:value())
    assert.is_true(semaphore:acquire())
    assert.same({ true, true, nil, "timeout", "timeout" }, sync.results(function()
      return semaphore:acquire(), semaphore:acquire(1), semaphore:acquire(0)
    end))
    assert.equal(0, semaphore:value()) -- and nothing comes back by itself
    assert.is_true(semaphore:release())
    assert.equal(1, semaphore:value())
  end)

  it("K07: gets nothing back by itself from one that dies", function()
    local semaphore <close> = assert(Semaphore(3))
    local p = sync.child(function()
      assert(semaphore:acquire())
      assert(semaphore:acquire())
    end)
    sync.kill(p)
    assert.equal(1, semaphore:value())
    assert.same({ true, nil }, { semaphore:acquire(0), (semaphore:acquire(0.1)) })
    assert.is_true(semaphore:release()) -- by one that never had the dead one's
    assert.equal(1, semaphore:value())
  end)

  it("K11: waits as long as it is told", function()
    local semaphore <close> = assert(Semaphore(0))
    for _, seconds in ipairs { 0, -1, -math.huge, 0.03, 0.12 } do
      local began = billiard.now()
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(semaphore:acquire(seconds)))
      assert.is_true(billiard.now() - began >= seconds)
    end
    for _, timeout in ipairs { 0 / 0, "1", true } do
      assert.has_error(function() semaphore:acquire(timeout) end)
    end
    for _, seconds in ipairs { 0, -1, 1e300, math.huge } do
      semaphore:release()
      assert.is_true(semaphore:acquire(seconds))
    end
  end)

  it("may begin empty, and be given more than it began with", function()
    local semaphore <close> = assert(Semaphore(0))
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(semaphore:acquire(0.01)))
    for i = 1, 5 do
      semaphore:release()
      assert.equal(i, semaphore:value())
    end
    local empty <close> = assert(Semaphore(0))
    local p = Process { target = function() assert(empty:acquire(LONG)) end }
    assert(p:start())
    helper.eventually(function() return helper.proc_state(p.pid) == "S" end)
    empty:release()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
  end)

  it("lets no more in at a time than it holds", function()
    local room <close> = assert(Semaphore(2))
    local inside <close> = assert(Semaphore(0))
    sync.together(5, function()
      for _ = 1, 50 do
        room:with(function()
          inside:release()
          assert(inside:value() <= 2)
          assert(inside:acquire(0))
        end)
      end
    end)
    assert.same({ 2, 0 }, { room:value(), inside:value() })
  end)

  it("gives back what with took, whatever happens", function()
    local semaphore <close> = assert(Semaphore(1))
    assert.same({ n = 3, 0, nil, "x" }, table.pack(semaphore:with(function(...)
      return semaphore:value(), ...
    end, nil, "x")))
    assert.has_error(function() semaphore:with(error, "no") end, "no")
    assert.equal(1, semaphore:value())
  end)

  it("refuses to be built of anything but a count", function()
    for _, n in ipairs { -1, 1.5, "x", 1 << 31, {}, 0 / 0 } do
      assert.has_error(function() Semaphore(n) end)
    end
    assert.has_error(function() Semaphore() end)
  end)

  it("K14: raises once it is closed, and shows its value", function()
    local semaphore = assert(Semaphore(4))
    assert.equal("<Semaphore(4)>", tostring(semaphore))
    semaphore:close()
    for _, call in ipairs { "acquire", "release", "value", "fileno" } do
      local ok, err = pcall(semaphore[call], semaphore)
      assert.is_false(ok)
      assert.equal(call .. ": Semaphore is closed", err)
    end
    assert.equal("<Semaphore(closed)>", tostring(semaphore))
  end)

  it("has its caller's waiting done by the waiter", function()
    for _, run in pairs(loops) do
      local semaphore <close> = assert(Semaphore(0))
      local got = {}
      local function take()
        local ok = semaphore:acquire(LONG)
        got[#got + 1] = ok
      end
      run(take, take, function()
        billiard.sleep(0.01) -- busy: what goes on meanwhile
        assert.same({}, got)
        semaphore:release()
        semaphore:release()
      end)
      assert.same({ true, true }, got)
    end
  end)
end)
