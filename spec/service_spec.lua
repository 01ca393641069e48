-- `billiard run` as a service: its script is changed, and systemd looks on.

local helper = require "spec.helper"
local running = require "spec.fixtures.running"
local billiard = require "billiard"

local during, kill, says = running.during, running.kill, running.says

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write("local topology = require 'billiard'.topology\n", text)
end

-- A site whose children tell their names and pids.
local function site(children)
  return ([[local function tell(word)
      return { "sh", "-c", "echo " .. word .. " is $$; exec sleep 600" }
    end
    return topology.supervisor { name = "site", %s }]]):format(children)
end

local A <const> = "topology.command { name = 'a', command = tell 'one' }"
local A2 <const> = "topology.command { name = 'a', command = tell 'two' }"
local B <const> = "topology.command { name = 'b', command = tell 'b' }"

-- Runs what `first` says; then sends the signals of the steps in turn, each
-- where it has said what the one before it leads to, and at the end TERM. The
-- script is changed to `text` before. Returns all that was printed.
local function signalled(first, steps)
  local path = helper.tmpname()
  write(path, first)
  local status, out = during(path, function(pid, output)
    says(output, "is up")
    for _, step in ipairs(steps) do
      if step.text then write(path, step.text) end
      kill(step[1], pid)
      says(output, step[2])
    end
    kill("TERM", pid)
  end)
  assert.equal(0, status)
  return out
end

-- The same with HUP, and texts.
local function changed(first, changes)
  local steps = {}
  for i, change in ipairs(changes) do steps[i] = { "HUP", change[2], text = change[1] } end
  return signalled(first, steps)
end

local function occurrences(text, word)
  local n = 0
  for _ in text:gmatch(word) do n = n + 1 end
  return n
end

describe("billiard run at SIGHUP", function()
  helper.guard()

  it("replaces only what changed in its script", function()
    local out = changed(site(A .. "," .. B), {
      { site(A2 .. "," .. B), "reloaded: 0 added, 1 replaced, 0 removed" },
      { site(B), "reloaded: 0 added, 0 replaced, 1 removed" } })
    assert.equal(1, occurrences(out, "one is"))
    assert.equal(1, occurrences(out, "two is"))
    assert.equal(1, occurrences(out, "b is"))
  end)

  it("goes on with what runs where the script is broken", function()
    local out = changed(site(A .. "," .. B), {
      { "return topology.", "near <eof>; what runs goes on" },
      { "error 'no luck'", "no luck; what runs goes on" },
      { "return 42", "returns no topology, but number" },
      { "topology.group { name = 'g', n = 0, target = print }", "option 'n' must be" },
      { "os.exit(3)", "the script ended the process" },
      { "return topology.ring { name = 'r', target = print }", "cannot become r" },
      { site(A .. "," .. B), "reloaded: 0 added, 0 replaced, 0 removed" } })
    assert.equal(1, occurrences(out, "one is"))
    assert.equal(1, occurrences(out, "b is"))
  end)

  it("keeps the child whose successor does not start, and does the rest", function()
    local bad = "topology.command { name = 'a', ready = { fd = 3 }, command = { 'false' } }"
    local good = "topology.command { name = 'a', ready = { fd = 3 },"
      .. " command = { 'sh', '-c', 'echo one is $$; echo >&3; sleep 600' } }"
    local out = changed(site(good), { { site(bad .. "," .. B), "what runs goes on (1 added" } })
    assert.equal(1, occurrences(out, "one is"))
    assert.equal(1, occurrences(out, "b is"))
  end)

  it("is not held up by a script that does not end", function()
    local out = changed(site(A), {
      { "while true do require 'billiard'.sleep(1) end", "loading the script again" },
      { site(A .. "," .. B), "reloaded: 1 added, 0 replaced, 0 removed" } })
    assert.equal(1, occurrences(out, "one is"))
  end)

  it("loads the modules of the script again", function()
    local dir <close> = helper.tmpdir()
    local head = ("package.path = %q .. package.path\n"):format(dir.path .. "/?.lua;")
    local text = head .. site "topology.command { name = 'a', command = tell(require 'word') }"
    local function module(word)
      local file <close> = assert(io.open(dir.path .. "/word.lua", "w"))
      file:write(("return %q"):format(word))
    end
    module "red"
    local path = helper.tmpname()
    write(path, text)
    local _, out = during(path, function(pid, output)
      says(output, "red is")
      module "blue"
      kill("HUP", pid)
      says(output, "blue is")
      kill("TERM", pid)
    end)
    assert.matches("reloaded: 0 added, 1 replaced, 0 removed", out)
  end)
end)

describe("billiard run at SIGTTIN, SIGTTOU and SIGUSR2", function()
  helper.guard()

  local GROUP <const> = [[topology.group { name = "g", n = 2, command = function(i)
    return { "sh", "-c", "echo member " .. i .. " is $$; exec sleep 600" }
  end }]]

  it("has one more, or one less, in the root that has a size", function()
    local out = signalled("return " .. GROUP, {
      { "TTIN", "SIGTTIN: g of 3: 1 added, 0 replaced, 0 removed" },
      { "TTOU", "SIGTTOU: g of 2: 0 added, 0 replaced, 1 removed" },
      { "TTOU", "SIGTTOU: g of 1: 0 added, 0 replaced, 1 removed" } })
    for i = 1, 3 do assert.equal(1, occurrences(out, "member " .. i)) end
  end)

  it("does the same to the only part that has a size, and keeps the least", function()
    signalled(site(A .. "," .. GROUP), {
      { "TTOU", "g of 1: 0 added, 0 replaced, 1 removed" },
      { "TTOU", "g of 0: scale: option 'n' must be an integer of at least 1, got 0" },
      { "TTIN", "g of 2: 1 added" } })
  end)

  it("changes nothing where it is not clear what", function()
    local two = GROUP .. "," .. GROUP:gsub('"g"', '"h"')
    signalled(('return topology.supervisor { name = "s", %s }'):format(two), {
      { "TTIN", "SIGTTIN: g and h have sizes; change n in the script and send SIGHUP" } })
    signalled(site(A), { { "TTIN", "SIGTTIN: nothing here has a size" } })
  end)

  it("replaces all by ones like them, one after the other", function()
    local out = signalled("return " .. GROUP, {
      { "USR2", "SIGUSR2: 0 added, 2 replaced, 0 removed" } })
    for i = 1, 2 do assert.equal(2, occurrences(out, "member " .. i)) end
  end)

  it("takes signals in their turn while it rolls", function()
    local out = signalled("return " .. GROUP, {
      { "USR2", "g-1 replaced" }, { "TTIN", "g of 3: 1 added" } })
    assert.matches("SIGUSR2: 0 added, 2 replaced.*SIGTTIN: g of 3", out)
  end)

  it("goes on with what runs where a roll fails", function()
    local flag = helper.tmpname()
    local text = ([[return topology.supervisor { name = "s",
      { name = "a", ready = { fd = 3 }, start_timeout = 2,
        command = { "sh", "-c", "echo a is $$; test -e %s && echo >&3; exec sleep 600" } } }]])
      :format(flag)
    io.open(flag, "w"):close()
    local path = helper.tmpname()
    write(path, text)
    local status, out = during(path, function(pid, output)
      says(output, "s is up")
      os.remove(flag)
      kill("USR2", pid)
      says(output, "SIGUSR2: child a did not start")
      io.open(flag, "w"):close()
      kill("USR2", pid)
      says(output, "SIGUSR2: 0 added, 1 replaced")
      kill("TERM", pid)
    end)
    assert.equal(0, status)
    assert.equal(3, occurrences(out, "a is %d"))
  end)

  it("stops when it is told to, whatever else is wanted", function()
    local path = helper.tmpname()
    write(path, "return " .. GROUP)
    local status, out = during(path, function(pid, output)
      says(output, "is up")
      kill("TERM", pid)
      for _ = 1, 3 do
        kill("USR2", pid)
        kill("TTIN", pid)
      end
    end)
    assert.equal(0, status)
    assert.equal(0, occurrences(out, "member 3"))
  end)
end)

describe("billiard run under systemd", function()
  helper.guard()

  -- Calls f(heard) with a function that returns all datagrams so far, and what
  -- to run it under.
  local function listened(f)
    local dir <close> = helper.tmpdir()
    local path, out = dir.path .. "/notify", dir.path .. "/heard"
    local file <close> = assert(io.open(out, "w"))
    local ear <close> = billiard.Process { stdout = file, command = { "/usr/bin/python3",
      "spec/fixtures/host/notify.py", path } }
    assert(ear:start())
    local function heard() return running.read(out) end
    says(heard, "bound")
    f(heard, "NOTIFY_SOCKET=" .. path)
    ear:terminate()
    ear:join()
  end

  it("tells when it is up, when it reloads and when it stops", function()
    listened(function(heard, variable)
      local path = helper.tmpname()
      write(path, site(A))
      during(path, function(pid)
        says(heard, ("%d READY=1 MAINPID=%d\n"):format(pid, pid))
        kill("HUP", pid)
        helper.eventually(function()
          return heard():find("RELOADING=1 MONOTONIC_USEC=%d+\n%d+ READY=1")
        end)
        kill("TERM", pid)
        says(heard, ("%d STOPPING=1\n"):format(pid))
      end, "env " .. variable)
      assert.equal(1, occurrences(heard(), "STOPPING"))
      assert.equal(0, occurrences(heard(), "WATCHDOG"))
    end)
  end)

  it("is not up before its children are", function()
    listened(function(heard, variable)
      local path = helper.tmpname()
      write(path, site "topology.command { name = 'c', command = { 'false' }, ready = { fd = 3 } }")
      local status = during(path, function() end, "env " .. variable)
      assert.equal(3, status)
      says(heard, "STOPPING=1")
      assert.equal(0, occurrences(heard(), "READY"))
    end)
  end)

  it("keeps the watchdog quiet, twice in each interval, also while it waits", function()
    listened(function(heard, variable)
      local path = helper.tmpname()
      write(path, site(A .. [[, topology.command { name = 'stubborn',
        command = { 'sh', '-c', 'trap "" TERM; sleep 600' }, stop = { { "TERM", 0.5 } } }]]))
      local start
      during(path, function(pid, output)
        says(output, "site is up")
        start = billiard.now()
        helper.eventually(function() return occurrences(heard(), "WATCHDOG=1") >= 5 end)
        -- half of 100 ms, for a quarter of a second
        assert.is_true(billiard.now() - start > 0.15)
        kill("TERM", pid)
        says(heard, "STOPPING")
        local before = occurrences(heard(), "WATCHDOG=1")
        helper.eventually(function() return occurrences(heard(), "WATCHDOG=1") >= before + 3 end)
      end, "env WATCHDOG_USEC=100000 " .. variable)
    end)
  end)

  it("does not let its children speak for it", function()
    listened(function(heard, variable)
      local path = helper.tmpname()
      write(path, [[return topology.command { name = 'c',
        command = { 'sh', '-c', 'echo socket: $NOTIFY_SOCKET $WATCHDOG_USEC.; exec sleep 600' } }]])
      local _, out = during(path, function(pid, output)
        says(output, "socket:")
        kill("TERM", pid)
      end, "env WATCHDOG_PID=1 WATCHDOG_USEC=1000 " .. variable)
      assert.matches("socket: .\n", out, 1, true)
      assert.equal(0, occurrences(heard(), "WATCHDOG"))
    end)
  end)
end)
