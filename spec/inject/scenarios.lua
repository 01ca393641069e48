-- What is done while somebody is killed, and how those that are left judge.
--   case = scenario.open()   a victim that waits for its byte, and survivors
--   case:judge(deadline)     while and after the victim does it, or dies
--   case:aftermath(deadline) once it has ended
-- Both raise what is wrong.

local lfs = require "lfs"
local billiard = require "billiard"

local scenarios = { all = {} }

function scenarios.descriptors()
  local n = 0
  for _ in lfs.dir "/proc/self/fd" do n = n + 1 end
  return n
end

local function left(deadline) return math.max(0, deadline - billiard.now()) end

local Case = {}
Case.__index = Case
Case.aftermath = function() end

-- A process that does f(...) once strace is there.
function Case.new(case, f, ...)
  local function victim(...)
    billiard.ready()
    io.stdin:read(1)
    f(...)
  end
  case.victim = assert(billiard.Process { target = victim, args = { ... },
    stdin = "pipe", stderr = "null", session = true }:start())
  return setmetatable(case, Case)
end

function Case:close()
  if not self.victim then return end
  if self.victim.exitcode == nil then self.victim:kill() end
  self.victim:join()
  self.victim.stdin:close()
  self.victim:close()
  self.victim = nil
  for _, connection in ipairs(self) do connection:close() end
end
Case.__close = Case.close

-- ---- starting a child ----

-- Who is of the victim's session, it excepted.
local function members(session)
  local list = {}
  for name in lfs.dir "/proc" do
    local file <close> = tonumber(name) and io.open("/proc/" .. name .. "/stat")
    local stat = file and file:read "a" or ""
    local state, sid = stat:match "^.*%)%s+(%a)%s+%d+%s+%d+%s+(%d+)"
    if tonumber(sid) == session and tonumber(name) ~= session and state ~= "Z" then
      list[#list + 1] = tonumber(name)
    end
  end
  return list
end

-- A daemonic child never outlives who started it, however far the start was.
local function nobody_left(case, deadline)
  local list
  repeat
    list = members(case.victim.pid)
    if #list == 0 then return end
    billiard.sleep(0.005)
  until left(deadline) == 0
  error("left behind: " .. table.concat(list, " "), 0)
end

local function start_and_join(method)
  local p = billiard.Process { target = function() return 1 end, daemon = true,
    start_method = method }
  assert(p:start())
  assert(p:join())
end

local function start_scenario(method)
  scenarios.all["start_" .. method] = { open = function()
    return Case.new({ judge = function() end, aftermath = nobody_left },
      start_and_join, method)
  end }
end

start_scenario "fork"

return scenarios
