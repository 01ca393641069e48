-- run.lua RESULTS [SCENARIO...]: kills a process at every system call of what
-- a scenario does (spec/inject/scenarios.lua), one run per call, by strace,
-- and lets those that are left judge. `make inject` calls it.
--
-- A victim may name another process, which is killed in its place: by the text
-- that it is ready with.
--
-- A dry run tells which calls there are. A victim waits for a byte on its
-- stdin until strace is attached, so that the calls are those of the scenario.

package.path = "./?.lua;scripts/?.lua;scripts/?/init.lua;" .. package.path
package.cpath = (os.getenv "BUILD" or "build") .. "/lib/?.so;" .. package.cpath

local billiard = require "billiard"
local scenarios = require "spec.inject.scenarios"

local DEADLINE <const> = 30 -- seconds; what a hang is known by
local MOST <const> = tonumber(os.getenv "INJECT_MOST") or 12 -- of one call

local results = table.remove(arg, 1)
local log = os.tmpname()

-- Traces the process, killing it at its nth `call`; returns when attached.
local function attach(pid, call, n)
  local command = { "strace", "-p", pid, "-o", log, "-e", "trace=all" }
  if call then
    command[#command + 1] = "-e"
    command[#command + 1] = ("inject=%s:signal=KILL:when=%d"):format(call, n)
  end
  local strace = assert(billiard.Process { command = command,
    stdin = "null", stdout = "null", stderr = "pipe" }:start())
  local line = assert(strace.stderr:read("l", DEADLINE))
  assert(line:find "attached", line)
  return strace
end

-- One run: nil when all is as it should be, else what is wrong.
local function run(scenario, call, n)
  local fds = scenarios.descriptors()
  local case <close> = scenario.open()
  local victim = case.victim
  local _, other = assert(victim:wait_ready(DEADLINE))
  local traced = tonumber(other) or victim.pid
  local strace = attach(traced, call, n)
  assert(victim.stdin:write("\n", DEADLINE))
  local ok, why = pcall(case.judge, case, billiard.now() + DEADLINE)
  if ok and not victim:join(DEADLINE) then ok, why = false, "the victim hangs" end
  if not ok then victim:kill() end
  assert(strace:join(DEADLINE), "strace hangs")
  strace.stderr:close()
  strace:close()
  assert(victim:join(DEADLINE))
  local killed = victim.exitcode == -9 or case.killed and case:killed()
  if ok then ok, why = pcall(case.aftermath, case, billiard.now() + DEADLINE) end
  case:close()
  if ok and scenarios.descriptors() ~= fds then
    ok, why = false, "descriptors are left open"
  end
  return not ok and tostring(why) or nil, killed
end

-- The calls of a whole run: name -> how often.
local function calls_of(scenario)
  run(scenario) -- opens what a process has once
  local why = run(scenario)
  assert(not why, why)
  local counts = {}
  for line in io.lines(log) do
    local name = line:match "^([%l%d_]+)%("
    if name then counts[name] = (counts[name] or 0) + 1 end
  end
  counts.exit_group, counts.rt_sigreturn, counts.restart_syscall = nil, nil, nil
  return counts
end

local function pairs_sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  local i = 0
  return function()
    i = i + 1
    return keys[i], t[keys[i]]
  end
end

-- All of the first calls, and a spread of the others.
local function which(count)
  local list, step = {}, math.max(1, count / MOST)
  for n = 1, count, step do list[#list + 1] = math.floor(n) end
  return list
end

local function try(name, scenario)
  local passed, failed, died = 0, 0, 0
  for call, count in pairs_sorted(calls_of(scenario)) do
    for _, n in ipairs(which(count)) do
      local why, killed = run(scenario, call, n)
      died = died + (killed and 1 or 0)
      passed = passed + (why and 0 or 1)
      if why then
        failed = failed + 1
        print(("not ok %s: killed at %s %d: %s"):format(name, call, n, why))
      end
    end
  end
  if died == 0 then failed = failed + 1; print("not ok " .. name .. ": nobody was killed") end
  print(("  %-28s %d kills, %d passed, %d failed"):format(name, died, passed, failed))
  local file <close> = assert(io.open(results, "a"))
  file:write(("inject %s %d %d\n"):format(name, passed, failed))
  return failed
end

local wanted, failures = {}, 0
for _, name in ipairs(arg) do wanted[name] = true end
for name, scenario in pairs_sorted(scenarios.all) do
  if #arg == 0 or wanted[name] then failures = failures + try(name, scenario) end
end
os.remove(log)
os.exit(failures == 0, true)
