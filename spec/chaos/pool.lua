-- pool.lua RESULTS: a pool does tasks of many kinds while its workers are
-- killed, stopped and limited at random, and its owner is stopped now and
-- then; then the ledger must balance. `make chaos` calls it.
--   CHAOS_SEED     the run to repeat; else one is made up, and printed
--   CHAOS_SECONDS  how long to go on (10)
--   CHAOS_TASKS    how many tasks to do, instead (100000, say)
--   CHAOS_METHOD   how workers are started ("forkserver")
--
-- Every result has a number, under which two arrays tell how often it has
-- resolved and how often its task was begun. What strikes is a shell, so that
-- it goes on while the owner is stopped.

package.path = "./?.lua;scripts/?.lua;scripts/?/init.lua;" .. package.path
package.cpath = (os.getenv "BUILD" or "build") .. "/lib/?.so;" .. package.cpath

local lfs = require "lfs"
local billiard = require "billiard"
local footprint = require "spec.chaos.footprint"
local striker = require "spec.chaos.striker"
local tasks = require "spec.chaos.tasks"

local WORKERS <const> = 6
local AHEAD <const> = 300   -- results that are awaited at a time
local MOST <const> = 1 << 22
local HANG <const> = 60     -- seconds that nobody may need
local SECONDS <const> = tonumber(os.getenv "CHAOS_SECONDS") or 10
local TASKS <const> = math.tointeger(os.getenv "CHAOS_TASKS")
local METHOD <const> = os.getenv "CHAOS_METHOD" or "forkserver"
-- How much libc's heap keeps differs by that from storm to storm: what leaks
-- some bytes for each task is seen by 100000 of them.
local SLACK <const> = { ["KiB of private memory"] = 4096 }
local seed = math.tointeger(os.getenv "CHAOS_SEED") or os.time()

local results = arg[1]
local problems = {}

local function expect(ok, ...)
  if not ok and #problems < 20 then problems[#problems + 1] = string.format(...) end
  return ok
end

-- ---- the ledger ----

local ledger -- of one run

local function open_ledger()
  ledger = { n = 0, resolved = billiard.Array("u8", MOST), begun = billiard.Array("u8", MOST),
    pids = {}, codes = {}, waiting = 0, discarded = 0, own = 0 }
end

local function close_ledger()
  ledger.resolved:close()
  ledger.begun:close()
  ledger = nil
end

local function note(n, code)
  ledger.resolved[n] = ledger.resolved[n] + 1
  ledger.codes[code] = (ledger.codes[code] or 0) + 1
  ledger.waiting = ledger.waiting - 1
end

-- The callbacks of the n-th result: it ends as its kind may, or by a strike.
local function callbacks(n, kind, opts)
  opts.callback = function(value)
    note(n, "done")
    expect(kind.result and kind.result(n, value), "result %d (%s): %s", n, kind.name, value)
  end
  opts.error_callback = function(err)
    note(n, err.code)
    expect(kind.codes[err.code], "result %d (%s) ends as %s", n, kind.name, err)
  end
  return opts
end

-- ---- who strikes ----

-- Once in so many tasks something happens to somebody.
local function strike(at, pool)
  local dice = math.random(60)
  if dice > 3 then return end
  local rows = pool:workers()
  if #rows == 0 then return end
  local row = rows[math.random(#rows)]
  if dice == 1 then at:kill(row.pid) end
  if dice == 2 then at:stop(row.pid, math.random() * 0.005) end
  if dice == 3 and math.random(3) == 1 then
    ledger.own = ledger.own + 1
    at:stop(pool.pid, math.random() * 0.02)
  end
end

-- ---- the owner ----

local function meddle(r, n)
  local dice = math.random(40)
  if dice == 1 then r:cancel() end
  if dice == 2 then r:terminate() end
  if dice == 3 and not r:ready() then
    r:discard()
    ledger.resolved[n] = ledger.resolved[n] + 1
    ledger.waiting, ledger.discarded = ledger.waiting - 1, ledger.discarded + 1
  end
end

local function submit(pool)
  local n, kind = ledger.n + 1, tasks.any()
  ledger.n, ledger.waiting = n, ledger.waiting + 1
  local r = assert(pool[kind.call](pool, kind.f, kind.args(n), callbacks(n, kind, kind.opts())))
  meddle(r, n)
end

local function loop(pool)
  local n = 0
  for i, value, err in pool:imap_unordered(tasks.power, { 1, 2, 3, 4, 5, 6, 7, 8 }) do
    n = n + 1
    expect(value == i * i or err and err.code == "WorkerLostError", "item %d is %s", i,
      err or value)
  end
  expect(n == 8, "a loop over 8 items had %d", n)
end

local function go_on(pool, at, more)
  while more() do
    submit(pool)
    strike(at, pool)
    if math.random(500) == 1 then loop(pool) end
    local deadline = billiard.now() + HANG
    while ledger.waiting > AHEAD do
      pool:poll(1)
      if not expect(billiard.now() < deadline, "nothing resolves any more") then return end
    end
  end
end

-- ---- what is left ----

-- A process of a group that one of the workers led, if there is any but
-- zombies: workers, and what tasks have started.
local function find_left()
  for name in lfs.dir "/proc" do
    local file <close> = tonumber(name) and io.open("/proc/" .. name .. "/stat")
    local state, group = (file and file:read "a" or ""):match "^.*%) (%a) %d+ (%d+)"
    if state and state ~= "Z" and ledger.pids[tonumber(group)] then return name end
  end
end

local function balance(pool)
  local s = pool:stats()
  local ended = s.done + s.failed + s.lost + s.timed_out + s.terminated + s.cancelled
  expect(ended == s.submitted, "%d submitted, %d ended", s.submitted, ended)
  expect(s.pending == 0, "%d are pending", s.pending)
  local once = 0
  for n = 1, ledger.n do
    once = once + (ledger.resolved[n] == 1 and 1 or 0)
    expect(ledger.resolved[n] == 1, "result %d has resolved %d times", n, ledger.resolved[n])
    expect(ledger.begun[n] <= tasks.ATTEMPTS, "task %d was begun %d times", n, ledger.begun[n])
  end
  print(("  %d results, %d resolved once; %d tasks: %d done, %d failed, %d lost, %d timed out, "
    .. "%d terminated, %d cancelled"):format(ledger.n, once, s.submitted, s.done, s.failed, s.lost,
    s.timed_out, s.terminated, s.cancelled))
end

local function look_for_the_left()
  local deadline = billiard.now() + 1
  while find_left() and billiard.now() < deadline do billiard.sleep(0.01) end
  expect(not find_left(), "process %s is left", find_left())
end

-- ---- all of it ----

local function run(more)
  open_ledger()
  local at = striker.new()
  local pool = assert(billiard.Pool { processes = WORKERS, start_method = METHOD,
    max_restarts = 1 << 30, max_tasks_per_child = 500,
    initializer = tasks.prepare, initargs = { ledger.begun },
    on_process_up = function(row) ledger.pids[row.pid] = true end })
  go_on(pool, at, more)
  pool:close()
  expect(pool:join(HANG), "the pool does not end")
  pool:terminate()
  at:finish(HANG)
  balance(pool)
  look_for_the_left()
  local workers = 0
  for _ in pairs(ledger.pids) do workers = workers + 1 end
  print(("  %d workers; %d kills, %d stops, %d stops of the owner; %d discarded")
    :format(workers, at.kills, at.stops - ledger.own, ledger.own, ledger.discarded))
  close_ledger()
end

local function for_seconds(seconds)
  local deadline = billiard.now() + seconds
  return function() return billiard.now() < deadline end
end

local function so_many(n)
  return function() return ledger.n < n end
end

print("CHAOS_SEED=" .. seed)
math.randomseed(seed)
-- what is opened and loaded once is there now, and the heap is grown
run(for_seconds(math.max(2, SECONDS / 2)))
local before = footprint.take()
run(TASKS and so_many(TASKS) or for_seconds(SECONDS))
for _, growth in ipairs(footprint.growth(before, footprint.take(), SLACK)) do
  expect(false, "%s", growth)
end
for _, problem in ipairs(problems) do print("not ok " .. problem) end
local file <close> = assert(io.open(results, "a"))
file:write(("chaos-pool seed-%d %d %d\n"):format(seed, #problems == 0 and 1 or 0, #problems))
os.exit(#problems == 0, true)
