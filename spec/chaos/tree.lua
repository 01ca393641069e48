-- tree.lua RESULTS: a tree of supervisors of three levels, of which anything
-- but the root is killed and stopped at random; then it must be whole again.
-- Then roots are killed, and nothing of their trees may be left. `make chaos`
-- calls it.
--   CHAOS_SEED     the run to repeat; else one is made up, and printed
--   CHAOS_SECONDS  how long to go on (10)
--
--   root (this process)
--     left    one_for_one, in a process of its own
--       l1 l2, pairs  rest_for_one: p1 p2 p3
--     right   one_for_all, in a process of its own, which gives up soon
--       r1 r2 (by forkserver)
--     single
--
-- Each worker that comes up tells who it is. What a kill hits is started again
-- by its supervisor, or, when that gave up, by the one above with all the rest.

package.path = "./?.lua;scripts/?.lua;scripts/?/init.lua;" .. package.path
package.cpath = (os.getenv "BUILD" or "build") .. "/lib/?.so;" .. package.cpath

local billiard = require "billiard"
local footprint = require "spec.chaos.footprint"
local striker = require "spec.chaos.striker"

local topology = billiard.topology

local HEALED <const> = 20  -- seconds that a tree may take to be whole
local GONE <const> = 1     -- and what is below a root that was killed to go
local ROOTS <const> = 10   -- that are killed
local SECONDS <const> = tonumber(os.getenv "CHAOS_SECONDS") or 10
local WORKERS <const> = { "l1", "l2", "p1", "p2", "p3", "r1", "r2", "single" }
local seed = math.tointeger(os.getenv "CHAOS_SEED") or os.time()

local results = arg[1]
local problems = {}

local function expect(ok, ...)
  if not ok and #problems < 20 then problems[#problems + 1] = string.format(...) end
  return ok
end

-- ---- processes ----

-- State, parent and time of start; nothing where there is none.
local function stat(pid)
  local file <close> = io.open(("/proc/%s/stat"):format(pid))
  local text = file and file:read "a" or ""
  local state, parent, rest = text:match "^.*%) (%a) (%d+) (.*)$"
  if not state or state == "Z" then return end
  local fields = {}
  for word in rest:gmatch "%S+" do fields[#fields + 1] = word end
  return state, math.tointeger(parent), fields[22 - 4]
end

local function lives(who) return select(3, stat(who.pid)) == who.since end

-- ---- the tree ----

-- Its process and the one above it, which may be a supervisor's.
local function work(births, id)
  local me = billiard.current_process().pid
  local _, above, since = stat(me)
  local _, _, above_since = stat(above)
  assert(births:put { id = id, pid = me, since = since, above = above,
    above_since = above_since })
  billiard.ready()
  while true do billiard.sleep(600) end
end

local function worker(births, id, method)
  return { name = id, target = work, args = { births, id }, ready = true,
    start_method = method, stop = { { "TERM", 2 }, { "KILL", 0 } } }
end

local function tree(births)
  local function one(id, method) return worker(births, id, method) end
  return topology.supervisor { name = "root", intensity = 1000, period = 1,
    topology.supervisor { name = "left", own_process = true, intensity = 20, period = 2,
      one "l1", one("l2", "forkserver"),
      topology.supervisor { name = "pairs", strategy = "rest_for_one", intensity = 5, period = 2,
        one "p1", one "p2", one "p3" } },
    topology.supervisor { name = "right", own_process = true, strategy = "one_for_all",
      intensity = 3, period = 2, one("r1", "forkserver"), one("r2", "forkserver") },
    one "single" }
end

-- ---- the ledger ----

-- Takes in who was born: all of them, and the last of each name.
local function take_in(ledger)
  for who in function() return (ledger.births:get(0)) end do
    ledger.all[#ledger.all + 1] = who
    ledger.last[who.id] = who
  end
end

local function new_ledger(births)
  return { births = births, all = {}, last = {} }
end

local function is_whole(ledger)
  take_in(ledger)
  for _, id in ipairs(WORKERS) do
    local who = ledger.last[id]
    if not who or not lives(who) then return false end
  end
  return true
end

-- Of each name one lives, the last that was born.
local function balance(ledger)
  for _, who in ipairs(ledger.all) do
    local is_last = ledger.last[who.id] == who
    expect(lives(who) == is_last, "%s %d, which is %sthe last one, %s", who.id, who.pid,
      is_last and "" or "not ", is_last and "does not live" or "lives")
  end
end

-- ---- a storm ----

-- The process of a worker or of a supervisor, never the root.
local function victim(ledger)
  local who = ledger.last[WORKERS[math.random(#WORKERS)]]
  if not who then return end
  local is_root = who.above == billiard.current_process().pid
  return math.random(6) == 1 and not is_root and who.above or who.pid
end

local function strike(at, ledger)
  local pid = victim(ledger)
  if not pid then return end
  if math.random(4) == 1 then at:stop(pid, math.random() * 0.05)
  else at:kill(pid) end
end

-- Works, for so many seconds or until f() is true: whether it was.
local function work_until(t, seconds, f)
  local deadline = billiard.now() + seconds
  while not f() do
    if billiard.now() > deadline then return false end
    local _, err, code = t:wait(0.01)
    if not expect(code == "timeout", "the root has ended: %s", err) then return false end
  end
  return true
end

local function never() return false end

local function storm(seconds)
  local births = assert(billiard.Queue())
  local ledger, at = new_ledger(births), striker.new()
  local t = tree(births)
  assert(t:start())
  local deadline = billiard.now() + seconds
  while billiard.now() < deadline do
    take_in(ledger)
    strike(at, ledger)
    work_until(t, math.random() * 0.05, never)
  end
  at:finish(HEALED)
  expect(work_until(t, HEALED, function() return is_whole(ledger) end),
    "the tree is not whole after %d s", HEALED)
  -- what is still on its way, such as a stop by its ladder
  work_until(t, 0.5, never)
  expect(is_whole(ledger), "the tree did not stay whole")
  balance(ledger)
  t:stop()
  take_in(ledger)
  for _, who in ipairs(ledger.all) do expect(not lives(who), "%s is left", who.id) end
  births:close()
  print(("  %d kills, %d stops: %d births"):format(at.kills, at.stops, #ledger.all))
end

-- ---- roots that are killed ----

local function be_root(births)
  local t = tree(births)
  assert(t:start())
  t:wait()
end

local function anybody(ledger)
  take_in(ledger)
  for _, who in ipairs(ledger.all) do
    local above = { pid = who.above, since = who.above_since }
    if lives(who) then return who.id end
    if lives(above) then return "what is above " .. who.id end
  end
end

local function kill_a_root()
  local births = assert(billiard.Queue())
  local ledger = new_ledger(births)
  local root = assert(billiard.Process { target = be_root, args = { births } }:start())
  -- at any moment of its start, or a while later
  local moment = math.random(0, #WORKERS)
  while #ledger.all < moment do
    local who, err = births:get(HEALED)
    if not expect(who, "nobody is born: %s", err) then break end
    ledger.all[#ledger.all + 1] = who
  end
  root:kill()
  local deadline = billiard.now() + GONE
  root:join()
  root:close()
  while anybody(ledger) and billiard.now() < deadline do billiard.sleep(0.01) end
  expect(not anybody(ledger), "%s is left of a root that was killed", anybody(ledger))
  births:close()
end

-- ---- all of it ----

print("CHAOS_SEED=" .. seed)
math.randomseed(seed)
storm(math.max(2, SECONDS / 2)) -- what is opened and loaded once is there now
local before = footprint.take()
storm(SECONDS)
for _, growth in ipairs(footprint.growth(before, footprint.take())) do
  expect(false, "%s", growth)
end
for _ = 1, ROOTS do kill_a_root() end
print(("  %d roots killed"):format(ROOTS))
for _, problem in ipairs(problems) do print("not ok " .. problem) end
local file <close> = assert(io.open(results, "a"))
file:write(("chaos-tree seed-%d %d %d\n"):format(seed, #problems == 0 and 1 or 0, #problems))
os.exit(#problems == 0, true)
