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
  collectgarbage()
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

-- ---- messages ----

-- The nth of a stream of messages: small ones, some that go through memory of
-- their own, some with a connection in them.
local SIZES <const> = { 3, 200, 5000, 20000, 300000 }

local function message(n, handle)
  local text = (" "):rep(SIZES[n % #SIZES + 1])
  return { n = n, text = text, handle = n % 3 == 0 and handle or nil }
end

local COUNT <const> = 12

local function check_message(got, n)
  local wanted = message(n)
  assert(got.n == n, ("message %s came for %d"):format(got.n, n))
  assert(got.text == wanted.text, ("message %d is torn"):format(n))
  assert((got.handle ~= nil) == (n % 3 == 0), ("message %d lost its handle"):format(n))
  if got.handle then got.handle:close() end
end

-- Whoever is left gets whole messages in order, then "closed".
local function receive_all(case, deadline)
  local n = 0
  while true do
    local got, err = case.reader:recv(left(deadline))
    if got == nil then
      assert(err == "closed", err)
      return
    end
    n = n + 1
    check_message(got, n)
  end
end

local function send_all(connection, handle)
  for n = 1, COUNT do assert(connection:send(message(n, handle))) end
end

-- A killed sender has sent a message or has not.
scenarios.all.send = { open = function()
  local reader, writer = billiard.Pipe(false)
  local spare, other = billiard.Pipe()
  local case = Case.new({ reader, spare, other, reader = reader, judge = receive_all },
    send_all, writer, spare)
  writer:close()
  return case
end }

-- A killed receiver is gone: who sends learns it, and never waits for ever.
local function send_until_closed(case, deadline)
  while true do
    local sent, err = case.writer:send(message(1), left(deadline))
    if not sent then
      assert(err == "closed", err)
      return
    end
  end
end

local function receive_some(connection)
  for n = 1, COUNT do
    local got = assert(connection:recv())
    if got.handle then got.handle:close() end
    assert(got.text == message(got.n).text, n)
  end
end

scenarios.all.receive = { open = function()
  local reader, writer = billiard.Pipe(false)
  local spare, other = billiard.Pipe()
  local case = Case.new({ writer, spare, other, writer = writer,
    judge = send_until_closed }, receive_some, reader)
  reader:close()
  for n = 1, 6 do assert(writer:send(message(n, spare), 5)) end
  return case
end }

return scenarios
