-- run.lua RESULTS: processes put, get, lock and signal while a killer strikes
-- at random; then the ledger must balance. `make chaos` calls it.
--   CHAOS_SEED     the run to repeat; else one is made up, and printed
--   CHAOS_SECONDS  how long to go on (10)
--
-- Every item has a number, under which two arrays in shared memory tell
-- whether its put returned and how often it was got. At the end all that was
-- shared is closed, and this process has no more than it had before.

package.path = "./?.lua;scripts/?.lua;scripts/?/init.lua;" .. package.path
package.cpath = (os.getenv "BUILD" or "build") .. "/lib/?.so;" .. package.cpath

local billiard = require "billiard"
local footprint = require "spec.chaos.footprint"

local WORKERS <const> = 8
local ITEMS <const> = 1 << 22
local MAXSIZE <const> = 200 -- of the queue
local HANG <const> = 30     -- seconds that nobody may need
local SECONDS <const> = tonumber(os.getenv "CHAOS_SECONDS") or 10
local seed = math.tointeger(os.getenv "CHAOS_SEED") or os.time()

local results = arg[1]

-- ---- what all share ----

local world

local function create()
  world = {
    queue = billiard.Queue(MAXSIZE),
    next = billiard.Value("i64", 0),
    put = billiard.Array("u8", ITEMS),
    got = billiard.Array("u8", ITEMS),
    lock = billiard.Lock(),
    entries = billiard.Array("i64", WORKERS), -- under the lock, of each worker
    total = billiard.Value("i64", 0),         -- their sum, under the lock
    permits = billiard.BoundedSemaphore(3),
    changed = billiard.Condition(),
    stop = billiard.Event(),
  }
end

local function destroy()
  for _, object in pairs(world) do object:close() end
  world = nil
end

-- ---- workers: each step is done whole, or its process is dead ----

local steps = {}

function steps.put(w)
  local n = w.next:add(1)
  if n > ITEMS then return end
  if w.queue:put(n, 0.05) then w.put[n] = 1 end
end

function steps.get(w)
  local n = w.queue:get(0.05)
  if n then w.got[n] = w.got[n] + 1 end
end

function steps.lock(w, i)
  local _, how = w.lock:acquire()
  if how == "owner_died" then
    local sum = 0
    for _, n in ipairs(w.entries:get(1, #w.entries)) do sum = sum + n end
    w.total.value = sum
  end
  w.entries[i] = w.entries[i] + 1
  w.total.value = w.total.value + 1
  w.lock:release()
end

function steps.permit(w)
  if w.permits:acquire(0.05) then w.permits:release() end
end

function steps.notify(w)
  w.changed:acquire()
  w.changed:notify()
  w.changed:release()
end

function steps.wait(w)
  w.changed:acquire()
  w.changed:wait(0.01)
  w.changed:release()
end

local WEIGHTED <const> = { "put", "put", "put", "get", "get", "get", "lock",
  "lock", "permit", "notify", "wait" }

local function work(w, i, first)
  math.randomseed(first)
  while not w.stop:is_set() do
    steps[WEIGHTED[math.random(#WEIGHTED)]](w, i)
  end
end

-- ---- the killer ----

local count = { kills = 0, stops = 0 }
local crew = {}

local function hire(i)
  local p = billiard.Process { target = work, daemon = true, stdin = "null",
    args = { world, i, math.random(1 << 30) } }
  crew[i] = assert(p:start())
end

local function kill(i)
  crew[i]:kill()
  assert(crew[i]:join(HANG), "a killed worker stays")
  assert(crew[i].exitcode == -9, tostring(crew[i]))
  crew[i]:close()
  count.kills = count.kills + 1
  hire(i)
end

local function pause(i)
  crew[i]:send_signal "STOP"
  billiard.sleep(math.random() * 0.002)
  crew[i]:send_signal "CONT"
  count.stops = count.stops + 1
end

local function strike_until(deadline)
  while billiard.now() < deadline do
    local i = math.random(WORKERS)
    if math.random(4) == 1 then pause(i) else kill(i) end
    billiard.sleep(math.random() * 0.001)
  end
end

-- ---- the ledger ----

local function dismiss()
  world.stop:set()
  for i, p in ipairs(crew) do
    assert(p:join(HANG), "worker " .. i .. " hangs")
    assert(p.exitcode == 0, ("worker %d: %s"):format(i, tostring(p)))
    p:close()
  end
end

local function drain()
  for n in function() return (world.queue:get(0)) end do
    world.got[n] = world.got[n] + 1
  end
end

local problems = {}

local function expect(ok, ...)
  if not ok then problems[#problems + 1] = string.format(...) end
end

local function balance()
  local last = math.min(world.next.value, ITEMS)
  local put, got, held = 0, 0, {}
  for n = 1, last do
    local is_put, times = world.put[n], world.got[n]
    put, got = put + is_put, got + times
    expect(times <= 1, "item %d was got %d times", n, times)
    if is_put == 1 and times == 0 then held[#held + 1] = n end
  end
  -- each death may take the one item with it that was just got
  expect(#held <= count.kills, "%d items are lost, with %d deaths", #held,
    count.kills)
  expect(got >= put - #held, "%d put, %d got", put, got)
  print(("  %d items put, %d got, %d held by the dead"):format(put, got, #held))
end

local function sections()
  local _, how = world.lock:acquire(HANG)
  local sum = 0
  for _, n in ipairs(world.entries:get(1, WORKERS)) do sum = sum + n end
  local total = world.total.value
  expect(how == "owner_died" or total == sum, "%d sections, ledger %d", total,
    sum)
  world.lock:release()
  print(("  %d critical sections"):format(sum))
  expect(world.permits:value() == 3, "%s of 3 permits are left",
    world.permits:value())
end

-- ---- all of it ----

local function run(seconds)
  create()
  count.kills, count.stops = 0, 0
  for i = 1, WORKERS do hire(i) end
  strike_until(billiard.now() + seconds)
  dismiss()
  drain()
  balance()
  sections()
  destroy()
  print(("  %d kills, %d stops"):format(count.kills, count.stops))
end

-- A check that cannot fail is none: one object too many has to be seen.
local function sees_a_leak(before)
  local left <close> = billiard.Value "u8"
  local seen = footprint.growth(before, footprint.take())
  expect(#seen >= 4, "of %s there is seen only: %s",
    tostring(left), table.concat(seen, "; "))
end

print("CHAOS_SEED=" .. seed)
math.randomseed(seed)
run(1) -- what is opened and loaded once is there now, and the heap is grown
local before = footprint.take()
run(SECONDS)
for _, growth in ipairs(footprint.growth(before, footprint.take())) do
  expect(false, "%s", growth)
end
sees_a_leak(before)
for _, problem in ipairs(problems) do print("not ok " .. problem) end
local file <close> = assert(io.open(results, "a"))
file:write(("chaos seed-%d %d %d\n"):format(seed, #problems == 0 and 1 or 0,
  #problems))
os.exit(#problems == 0, true)
