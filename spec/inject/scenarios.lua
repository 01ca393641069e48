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

-- A process that does f(...) once strace is there; f may see to that itself.
local function on_a_byte(f)
  return function(...)
    billiard.ready()
    io.stdin:read(1)
    return f(...)
  end
end

function Case.new(case, f, ...)
  local victim = case.waits and f or on_a_byte(f)
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

for _, method in ipairs(billiard.get_all_start_methods()) do start_scenario(method) end

-- The fork server is killed: the start goes on with another.
local function zygote()
  return require "billiard.core".zygote()
end

local function started(n)
  local p = assert(billiard.Process { target = function(x) return x end, args = { n },
    daemon = true, start_method = "forkserver" }:start())
  local value = p:result(20)
  assert(p:join(20))
  return value == n
end

local function owner_of_zygote()
  assert(started(0))
  local before = zygote()
  billiard.ready(tostring(before))
  io.stdin:read(1)
  return started(1) and started(2), zygote() ~= before
end

local function must_have_started(case, deadline)
  local well, err = case.victim:result(left(deadline))
  assert(well == true, tostring(err))
  nobody_left(case, deadline)
end

scenarios.all.zygote = { open = function()
  return Case.new({ waits = true, judge = function() end, aftermath = must_have_started,
    killed = function(case) return select(2, case.victim:result(0)) == true end },
    owner_of_zygote)
end }

-- ---- telling a result ----

local LONG <const> = 9 << 20 -- more than one window of region.c

-- The memory of the boards of this process.
local function board_bytes()
  local bytes = 0
  for fd in lfs.dir "/proc/self/fd" do
    local path = "/proc/self/fd/" .. fd
    if (lfs.symlinkattributes(path, "target") or ""):find "billiard%-board" then
      bytes = bytes + lfs.attributes(path, "blocks") * 512
    end
  end
  return bytes
end

-- All of a result arrives or nothing, and nothing stays behind.
local function whole_or_lost(case)
  local text, err, code = case.victim:result(0)
  if text == nil and code ~= "WorkerLostError" then error(tostring(err), 0) end
  if text and text ~= ("x"):rep(LONG) then error("a torn result", 0) end
  if board_bytes() > 4 << 20 then error("memory is left on the board", 0) end
end

scenarios.all.result = { open = function()
  return Case.new({ judge = function() end, aftermath = whole_or_lost },
    string.rep, "x", LONG)
end }

-- ---- messages ----

-- The nth of a stream of messages: small ones, some that go through memory of
-- their own, some with a connection in them.
local SIZES <const> = { 3, 200, 5000, 20000, 60000, 300000 }

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
