-- Every wait goes by the monotonic clock: the wall clock may be set to
-- whatever it likes meanwhile. One cannot set it here, nor may others be
-- troubled by that: so it is a preloaded one that jumps (in what this process
-- asks), and strace that looks which clock the kernel is told to wait by.

local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local WAIT <const> = 0.1 -- seconds
local DAY <const> = 86400

-- Each wait there is, for WAIT seconds: how long it took, and what it said.
local script = ([[
  local billiard = require "billiard"
  local WAIT = %g

  local there = billiard.Event()
  local lock, rlock = billiard.Lock(), billiard.RLock()
  local bounded = billiard.BoundedSemaphore(1)
  local holder = billiard.Process { daemon = true, target = function()
    lock:acquire()
    rlock:acquire()
    bounded:acquire()
    there:set()
    while true do billiard.sleep(3600) end
  end }
  assert(holder:start())
  assert(there:wait(20))

  local event, semaphore = billiard.Event(), billiard.Semaphore(0)
  local condition, barrier = billiard.Condition(), billiard.Barrier(2)
  condition:acquire()
  local empty, full = billiard.Queue(), billiard.JoinableQueue(1)
  full:put "in the way"
  local simple = billiard.SimpleQueue()
  local a, b = billiard.Pipe()
  local poller = billiard.Poller()
  poller:add(event, "event")

  local waits = {
    { "Lock:acquire", function() return lock:acquire(WAIT) end },
    { "RLock:acquire", function() return rlock:acquire(WAIT) end },
    { "Semaphore:acquire", function() return semaphore:acquire(WAIT) end },
    { "BoundedSemaphore:acquire", function() return bounded:acquire(WAIT) end },
    { "Event:wait", function() return event:wait(WAIT) end },
    { "Condition:wait", function() return condition:wait(WAIT) end },
    { "Condition:wait_for", function()
      return condition:wait_for(function() return false end, WAIT)
    end },
    { "Barrier:wait", function() return barrier:wait(WAIT) end },
    { "Queue:get", function() return empty:get(WAIT) end },
    { "Queue:put", function() return full:put("more", WAIT) end },
    { "JoinableQueue:join", function() return full:join(WAIT) end },
    { "SimpleQueue:get", function() return simple:get(WAIT) end },
    { "Connection:recv", function() return a:recv(WAIT) end },
    { "Process:join", function() return holder:join(WAIT) end },
    { "wait", function() return #billiard.wait({ event, empty, a, holder }, WAIT) end },
    { "Poller:wait", function() return #poller:wait(WAIT) end },
    { "sleep", function() billiard.sleep(WAIT) end },
  }
  for _, wait in ipairs(waits) do
    local began = billiard.now()
    local result = table.pack(wait[2]())
    io.write(wait[1], " ", billiard.now() - began, " ",
      tostring(result[3] or result[1]), "\n")
  end
  io.write("seconds between two looks: ", -(os.time() - os.time()), "\n")
  b:close()
]]):format(WAIT)

local answers = {
  ["Lock:acquire"] = "timeout", ["RLock:acquire"] = "timeout",
  ["Semaphore:acquire"] = "timeout", ["BoundedSemaphore:acquire"] = "timeout",
  ["Event:wait"] = "timeout", ["Condition:wait"] = "timeout",
  ["Condition:wait_for"] = "timeout", ["Barrier:wait"] = "timeout",
  ["Queue:get"] = "empty", ["Queue:put"] = "full",
  ["JoinableQueue:join"] = "timeout", ["SimpleQueue:get"] = "empty",
  ["Connection:recv"] = "timeout", ["Process:join"] = "timeout",
  ["wait"] = "0", ["Poller:wait"] = "0", ["sleep"] = "nil",
}

-- The script's output: each wait has taken its time, no less and not much more,
-- and gave its answer. Returns by how much the wall clock jumped.
local function check(out)
  local seen = {}
  for name, took, answer in out:gmatch "([%w:_]+) ([%d.]+) (%S+)\n" do
    took = tonumber(took)
    assert.is_true(took >= WAIT and took < WAIT + 5 * helper.scale, name .. " took " .. took)
    seen[name] = answer
  end
  assert.same(answers, seen)
  return tonumber(out:match "two looks: (%-?%d+)")
end

describe("the clock of all waits", function()
  helper.guard()
  kit.faults()

  for name, by in pairs { ["a day ahead"] = DAY, ["a day back"] = -DAY } do
    it("K11: is not the wall clock, which jumps by " .. name, function()
      if helper.asan then return pending "ASan has to be loaded first" end
      local out, err, code = helper.run(script, { env = {
        LD_PRELOAD = kit.preload "jump", CLOCK_JUMP = by } })
      assert.same({ "", 0 }, { err, code })
      local jumped = check(out)
      assert.is_true(math.abs(jumped - by) <= 2, "it jumped by " .. jumped)
    end)
  end

  it("K11: is the monotonic one to the kernel, too", function()
    local log = helper.tmpname()
    local strace = kit.strace(log, "futex,clock_nanosleep,timerfd_create,timerfd_settime")
    if not strace then return pending "there is no strace, or it may trace nothing" end
    local out, err, code = helper.run(script, { interpreter = strace })
    assert.same({ "", 0 }, { err, code })
    check(out)
    local file <close> = assert(io.open(log))
    local trace = file:read "a"
    assert.matches("FUTEX_WAIT_BITSET", trace) -- a lock's: by the clock, until
    assert.matches("FUTEX_WAIT,", trace)       -- a condition's: for so long
    for line in trace:gmatch "[^\n]+" do
      assert.is_nil(line:match "CLOCK_REALTIME", line)
    end
  end)
end)
