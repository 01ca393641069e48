-- terminate_controlled: a child unwinds once, cleans up, and dies of SIGTERM;
-- the kernel sees to it that this takes no longer than its grace.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local TERM <const>, KILL <const> = 15, 9
local LONG <const> = 20 * helper.scale

-- Starts `body` as a target in an interpreter of its own, terminates it when
-- it is ready, and returns what it wrote and how it ended. The body has
-- `ready()`, `clean(word)` (a variable to close, which writes word), `raised()`
-- (counts what is caught), and writes to stdout.
local frame = [[
local billiard = require "billiard"
local function ready() billiard.ready() end
local function clean(word)
  return setmetatable({}, { __close = function() io.write(word, " ") end })
end
local caught = 0
local function raised(ok, err)
  if ok then return end
  caught = caught + 1
  return err
end
local p = billiard.Process { stderr = "stdout", stdout = "pipe", target = function()
  local outer <close> = clean "closed"
  billiard.at_exit(function() io.write("at_exit ", caught) end)
  BODY
end }
assert(p:start():wait_ready(GRACE))
assert(p:terminate_controlled(GRACE))
local ended, how, n = p:join(2 * GRACE)
print(("%s|%s %s|%s"):format(p.stdout:read "a", how, n, p.controlled))
]]

local function unwind(body, interpreter, grace)
  local text = frame:gsub("%u%u%u%u%u?", { BODY = body, GRACE = tostring(grace or LONG) })
  local out, err = helper.run(text, { interpreter = interpreter, timeout = 3 * LONG })
  assert.equal("", err)
  return (out:gsub("\n$", ""))
end

-- what runs, and what it writes before "at_exit"
local places = {
  { "in a loop", "ready(); while true do end", "closed at_exit 0" },
  { "in a loop of calls", "ready(); while true do math.abs(tonumber '1') end",
    "closed at_exit 0" },
  { "in a coroutine", [[
      coroutine.wrap(function()
        local inner <close> = clean "inner"
        ready()
        while true do end
      end)()]], "inner closed at_exit 0" },
  { "in a resumed coroutine", [[
      local co = coroutine.create(function() ready(); while true do end end)
      assert(coroutine.resume(co))]], "closed at_exit 0" },
  { "in nested coroutines that have yielded", [[
      local deep = coroutine.wrap(function()
        local deepest <close> = clean "deepest"
        coroutine.yield()
        ready()
        while true do end
      end)
      local middle = coroutine.wrap(function()
        while true do deep(); coroutine.yield() end
      end)
      while true do middle() end]], "deepest closed at_exit 0" },
  { "in billiard.sleep", "ready(); billiard.sleep(3600)", "closed at_exit 0" },
  { "in billiard.sleep inside a coroutine",
    "coroutine.wrap(function() ready(); billiard.sleep(3600) end)()", "closed at_exit 0" },
  { "in a join", [[
      local q = billiard.Process { daemon = true,
        target = function() billiard.sleep(3600) end }
      q:start()
      ready()
      q:join()]], "closed at_exit 0" },
  { "in a pcall", [[
      local err = raised(pcall(function() ready(); while true do end end))
      io.write(err.code, " ")]], "Terminated closed at_exit 1" },
  { "in a loop of pcalls that ends when asked", [[
      local function nap() ready(); billiard.sleep(3600) end
      repeat raised(pcall(nap)) until caught > 0
      raised(pcall(billiard.sleep, 0.05))]], "closed at_exit 1" },
  { "in a sort", [[
      local list = {}
      for i = 1, 100 do list[i] = i end
      ready()
      while true do table.sort(list, function(a, b) return a > b end) end]],
    "closed at_exit 0" },
}

-- a plain lua cannot load a module that is built with ASan
local interpreters = helper.asan and { "host" } or { "host", "lua" }

for _, interpreter in ipairs(interpreters) do
  describe("controlled termination under " .. interpreter, function()
    helper.guard()

    for _, row in ipairs(places) do
      local place, body, written = table.unpack(row)
      it("unwinds, cleans up and ends by SIGTERM " .. place, function()
        local result = unwind(body, interpreter)
        assert.equal(written .. "|signal " .. TERM .. "|true", result)
      end)
    end

    it("is raised once, so that clean-up code runs to its end", function()
      assert.equal("1 2 3 closed at_exit 1|signal 15|true", unwind([[
        raised(pcall(function() ready(); billiard.sleep(3600) end))
        for i = 1, 3 do
          billiard.sleep(0.05) -- busy: a second raise would come in here
          io.write(i, " ")
        end]], interpreter))
    end)

    it("ends at its grace what goes on all the same", function()
      local result = unwind([[
        pcall(function() ready(); billiard.sleep(3600) end)
        while true do end]], interpreter, 0.5)
      assert.equal("|signal " .. KILL .. "|true", result)
    end)
  end)
end

describe("controlled termination", function()
  helper.guard()

  it("reports no error on stderr, and is the child's error", function()
    local p <close> = child.sleeper { stderr = "pipe" }
    assert.is_false(p.controlled)
    p:terminate_controlled(LONG)
    local stderr <close> = p.stderr
    assert.equal("", stderr:read("a", LONG))
    assert.same({ true, "signal", TERM }, { p:join(LONG) })
    assert.equal("Terminated", p.error.code)
    assert.is_true(p.controlled)
  end)

  it("leaves a plain terminate a plain SIGTERM", function()
    local p <close> = child.sleeper { stdout = "pipe", target = function()
      local _ <close> = setmetatable({}, { __close = function() io.write "never" end })
      billiard.ready()
      while true do end
    end }
    assert(p:wait_ready(LONG))
    p:terminate()
    local stdout <close> = p.stdout
    assert.equal("", stdout:read("a", LONG))
    assert.same({ true, "signal", TERM }, { p:join(LONG) })
    assert.is_false(p.controlled)
  end)

  it("is enforced on a child that is stopped", function()
    local p <close> = child.sleeper { target = function()
      pcall(function() billiard.ready(); while true do end end)
      while true do end
    end }
    assert(p:wait_ready(LONG))
    p:terminate_controlled(0.2)
    p:send_signal "STOP"
    assert.same({ true, "signal", KILL }, { p:join(LONG) })
  end)

  it("is TERM for a command, and KILL after the grace", function()
    local p <close> = child.sleeper { command = { "sleep", "3600" } }
    p:terminate_controlled(LONG)
    assert.same({ true, "signal", TERM }, { p:join(LONG) })
    assert.is_true(p.controlled)
    local q <close> = child.sleeper { ready = { fd = 3 }, command = { "sh", "-c",
      "trap '' TERM; echo >&3; while :; do sleep 0.05; done" } }
    assert(q:wait_ready(LONG))
    q:terminate_controlled(0.1)
    assert.same({ true, "signal", KILL }, { q:join(LONG) })
    assert.is_true(q.controlled)
  end)

  it("lets a command clean up that can", function()
    local p <close> = child.sleeper { ready = { fd = 3 }, command = { "sh", "-c",
      "trap 'exit 4' TERM; echo >&3; while :; do sleep 0.02; done" } }
    assert(p:wait_ready(LONG))
    p:terminate_controlled(LONG)
    assert.same({ true, "exit", 4 }, { p:join(LONG) })
    assert.is_true(p.controlled)
  end)

  it("returns true for one that has ended, and changes nothing", function()
    local p <close> = child.sleeper { target = function() end }
    p:join(LONG)
    assert.is_true(p:terminate_controlled())
    assert.same({ true, "exit", 0 }, { p:join() })
    assert.is_false(p.controlled)
  end)

  it("waits for ever where it was given for ever", function()
    local path = helper.tmpname()
    local p <close> = billiard.Process { start_method = helper.method, args = { path },
      target = function(file)
        local _ <close> = setmetatable({}, { __close = function()
          billiard.sleep(0.1) -- busy: a kill would come now
          local out <close> = assert(io.open(file, "w"))
          out:write "unwound"
        end })
        billiard.ready()
        billiard.sleep(600)
      end }
    assert(p:start())
    assert(p:wait_ready(10 * helper.scale))
    assert(p:terminate_controlled(math.huge))
    assert.same({ true, "signal", 15 }, { p:join(10 * helper.scale) })
    local file <close> = assert(io.open(path))
    assert.equal("unwound", file:read "a")
  end)

end)
