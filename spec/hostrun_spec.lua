-- `billiard run`, `check` and `plan`: topology scripts on the command line.

local helper = require "spec.helper"
local running = require "spec.fixtures.running"

local quote, read = helper.quote, running.read
local script, host, during = running.script, running.host, running.during
local kill, says = running.kill, running.says

-- The processes whose command line holds the mark.
local function marked(mark)
  local found <close> = io.popen("grep -alF " .. quote(mark)
    .. " /proc/[0-9]*/cmdline 2>/dev/null | grep -v self")
  local list = {}
  for path in found:lines() do
    local pid = path:match "%d+"
    local state = helper.proc_state(pid)
    if state and state ~= "Z" and read(path):find("sleep", 1, true) then list[#list + 1] = pid end
  end
  return list
end

local TWO <const> = [[return topology.supervisor { name = "site", intensity = 5,
  topology.command { name = "web", ready = { fd = 3 },
    command = { "sh", "-c", "echo hello; echo up >&3; exec 3>&-; sleep 600" } },
  topology.group { name = "w", n = 2, ready = true, target = function(i)
    io.write("no newline from ", i) io.flush() billiard.ready() billiard.sleep(600) end } }]]

describe("billiard run", function()
  helper.guard()

  it("puts names before output and stops by its policies at SIGTERM and SIGINT", function()
    for _, signal in ipairs { "TERM", "INT" } do
      local status, out = during(script(TWO), function(pid, output)
        says(output, "site is up")
        kill(signal, pid)
      end)
      assert.equal(0, status)
      assert.matches("web | hello\n", out, 1, true)
      assert.matches("w-2 | no newline from 2\n", out, 1, true)
      assert.matches("site has ended (stopped)", out, 1, true)
    end
  end)

  local STUBBORN <const> = [[return topology.supervisor { name = "s",
    { name = "a", stop = billiard.policy.stop.graceful(60), ready = { fd = 3 },
      command = { "sh", "-c", "trap '' TERM; echo >&3; while :; do sleep 600; done" } } }]]

  it("kills all at a second signal and says which by its status", function()
    local status = during(script(STUBBORN), function(pid, output)
      says(output, "s is up")
      kill("TERM", pid)
      says(output, "stopping")
      kill("INT", pid)
    end)
    assert.equal(130, status)
  end)

  it("says by its status why it ended", function()
    local cases = {
      { 0, [[return topology.group { name = "g", restart = "transient",
        auto_shutdown = "all_significant", target = function() print "done" end }]] },
      { 3, [[return topology.command { name = "c", command = { "/no/such" } }]] },
      { 4, [[return topology.command { name = "c", command = { "false" } }]] },
      { 1, "return 42" }, { 1, "syntax error" },
    }
    for i, case in ipairs(cases) do
      local _, err, status = host("run", script(case[2]))
      assert.equal(case[1], status, "case " .. i .. ": " .. err)
    end
    assert.equal(2, (select(3, host "run")))
  end)

  it("passes arguments on to the script", function()
    local out = host("run", script [[
      local word, words = ..., arg
      return topology.group { name = "g", restart = "transient",
        auto_shutdown = "all_significant", target = function() print(word, words[2]) end }]],
      "one", "two")
    assert.equal("g-1 | one\ttwo\n", out)
  end)

  it("leaves nothing of a topology that is killed at any moment", function()
    local mark = "600.25" .. helper.pid()
    local slow = [[return topology.supervisor { name = "s", intensity = 100,
      { name = "a", target = function()
        os.execute "sleep MARK & :" billiard.sleep(600) end },
      { name = "b", backoff = { initial = 0.05 }, command = { "sh", "-c", "sleep 0.02; exit 1" } },
      { name = "c", command = { "sh", "-c", "sleep MARK & sleep 0.05; echo >&3; sleep MARK" },
        ready = { fd = 3 }, stop = { { "TERM", 0.1 }, { "KILL" } } },
      { name = "d", ready = { fd = 3 }, stop = billiard.policy.stop.graceful(0.2), command = {
        "sh", "-c", "trap '' TERM; echo >&3; while :; do sleep MARK; done" } } }]]
    local path = script((slow:gsub("MARK", mark)))
    math.randomseed(4)
    local moments = { "TERM", "INT INT", "KILL", "TERM TERM", "TERM KILL", "KILL", "INT" }
    for i, signals in ipairs(moments) do
      during(path, function(pid)
        os.execute("sleep " .. 0.04 * i) -- busy: any moment will do, these are spread
        for signal in signals:gmatch "%S+" do
          kill(signal, pid)
          os.execute "sleep 0.01" -- busy: or two become one
        end
        helper.eventually(function() return not helper.proc_state(pid) end, 10)
      end)
      helper.eventually(function() return #marked(mark) == 0 end, 5)
    end
  end)

  -- V18
  it("goes on supervising while nobody reads its output", function()
    local count, fifo = helper.tmpname(), helper.tmpname()
    local path = script(([[return topology.supervisor { name = "s", intensity = 1000,
      { name = "loud", command = { "yes" } },
      { name = "brief", command = { "sh", "-c", "echo x >>%s; sleep 0.01" } } }]]):format(count))
    os.remove(fifo)
    assert(os.execute("mkfifo " .. fifo))
    local held = assert(io.open(fifo, "r+")) -- open, and never read
    local pidfile = helper.tmpname()
    local command = ("echo $$ >%s; exec %s run %s >%s 2>/dev/null </dev/null"):format(pidfile,
      helper.host, path, fifo)
    local run = io.popen(("sh -c %s; echo $?"):format(quote(command)))
    local pid = helper.eventually(function() return tonumber(read(pidfile)) end)
    helper.eventually(function() return #read(count) >= 60 end, 15)
    kill("TERM", pid)
    local status = tonumber(run:read "a":match "%d+")
    run:close()
    held:close()
    assert.equal(0, status)
  end)

  it("costs no time while nothing happens", function()
    during(script(TWO), function(pid, output)
      says(output, "site is up")
      local function ticks()
        local user, system = read("/proc/" .. pid .. "/stat"):match(
          "^.*%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
        local status = read("/proc/" .. pid .. "/status")
        local switches = status:match "\nvoluntary_ctxt_switches:%s*(%d+)"
        return user + system, tonumber(switches)
      end
      helper.eventually(function()
        local before, switches = ticks()
        os.execute "sleep 0.5" -- busy: what does not happen takes time to see
        local after, later = ticks()
        return before == after and switches == later
      end, 10)
      kill("TERM", pid)
    end)
  end)

  it("works as process 1 of a namespace", function()
    if not os.execute "unshare -pf --mount-proc true 2>/dev/null" then
      return pending "no namespaces here"
    end
    local status, out = during(script(TWO), function(pid, output)
      says(output, "site is up")
      local inner = helper.eventually(function()
        return tonumber(read(("/proc/%d/task/%d/children"):format(pid, pid)):match "%d+")
      end)
      kill("TERM", inner)
    end, "unshare -pf --mount-proc")
    assert.equal(0, status)
    assert.matches("site has ended (stopped)", out, 1, true)
  end)
end)

describe("billiard check", function()
  helper.guard()

  it("says what is wrong and where, and starts nothing", function()
    local path = script [[

return topology.supervisor { name = "s",
  topology.command { name = "c", command = { "touch", "/nowhere" }, stop = "now" } }]]
    local out, err, status = host("check", path)
    assert.same({ "", 1 }, { out, status })
    assert.equal(path .. ":4: topology.command c: option 'stop': a ladder must be a table of "
      .. "{signal, seconds}, got string\n", err)
  end)

  it("is content with what is right", function()
    local path = script(TWO)
    assert.same({ path .. ": ok\n", "", 0 }, { host("check", path) })
  end)

  it("finds syntax errors, other results and missing files", function()
    local path = script "return return"
    assert.matches("^" .. path:gsub("%p", "%%%0") .. ":2: ", (select(2, host("check", path))))
    assert.matches("returns no topology, but nil", (select(2, host("check", script ""))), 1, true)
    assert.matches("/no/such/file", (select(2, host("check", "/no/such/file"))), 1, true)
  end)
end)

describe("billiard plan", function()
  helper.guard()

  it("shows the tree", function()
    local out, _, status = host("plan", script(TWO))
    assert.equal(0, status)
    local names = {}
    for line in out:gmatch "[^\n]+" do names[#names + 1] = line:match "^([ |`-]*%S+)  " end
    assert.same({ "site", "|- web", "`- w", "   |- w-1", "   `- w-2" }, names)
  end)

  it("draws for Graphviz", function()
    local out = host("plan", "--dot", script(TWO))
    assert.matches("^digraph topology {\n", out)
    assert.matches('label="site\\none_for_one', out, 1, true)
    assert.equal(4, select(2, out:gsub(" %-> ", "")))
  end)
end)

describe("the command line", function()
  helper.guard()

  it("explains itself", function()
    for _, words in ipairs { { "--help" }, { "run", "--help" }, { "check", "--help" },
      { "plan", "--help" } } do
      local out, err, status = host(table.unpack(words))
      assert.same({ "", 0 }, { err, status })
      assert.matches("^usage: billiard", out)
    end
  end)

  it("takes a verb as its first argument only", function()
    local path = script "print(arg[1])"
    assert.equal("run\n", (host(path, "run")))
    local out = io.popen(("cd %s && cp %s run && %s ./run check; rm run"):format(
      "${TMPDIR:-/tmp}", path, helper.host))
    assert.equal("check\n", out:read "a")
    out:close()
  end)
end)

describe("billiard run --state", function()
  helper.guard()

  local ONE <const> = [[return topology.supervisor { name = "s",
    { name = "a", command = { "sleep", "600" } },
    { name = "b", target = function() billiard.sleep(600) end } }]]

  local function alone(f)
    local dir <close> = helper.tmpdir()
    return f(dir.path, "--state " .. quote(dir.path))
  end

  it("V19: refuses a second one, and names the first", function()
    alone(function(dir, options)
      local path = script(ONE)
      local status = during(path, function(pid, output)
        says(output, "s is up")
        assert.equal(pid .. "\n", read(dir .. "/pid"))
        local out, err, code = host("run", "--state", dir, path)
        assert.same({ "", 5 }, { out, code })
        assert.matches(("%s is in use by process %d; stop that"):format(dir, pid), err, 1, true)
        assert.equal(pid .. "\n", read(dir .. "/pid"))
        kill("TERM", pid)
      end, nil, options)
      assert.equal(0, status)
    end)
  end)

  it("V19: takes over where one was killed, whose children live yet", function()
    alone(function(dir, options)
      -- who leaves the group of a supervised child is nobody's
      local path = script(([[return topology.supervisor { name = "s",
        { name = "a", command = { "sh", "-c",
          "setsid sh -c 'echo $$ >%s/stray; exec sleep 600' & exec sleep 600" } } }]])
        :format(dir))
      local stray
      during(path, function(pid, output)
        says(output, "s is up")
        stray = helper.eventually(function() return tonumber(read(dir .. "/stray")) end)
        kill("KILL", pid)
      end, nil, options)
      local lived = not ("Z"):find(helper.proc_state(stray) or "Z")
      local status = during(script(ONE), function(pid, output)
        says(output, "s is up")
        assert.equal(pid .. "\n", read(dir .. "/pid"))
        kill("TERM", pid)
      end, nil, options)
      kill("KILL", stray)
      assert.same({ true, 0 }, { lived, status })
    end)
  end)

  it("says what is wrong with the directory, and starts nothing", function()
    local _, err, code = host("run", "--state", "/nowhere/at/all", script(ONE))
    assert.equal(5, code)
    assert.matches("--state /nowhere/at/all: No such file or directory", err, 1, true)
    for _, words in ipairs { { "run", "--state" }, { "run", "--state", "/tmp" } } do
      local _, text, status = host(table.unpack(words))
      assert.equal(2, status)
      assert.matches("usage: billiard run [--state DIR] T.lua", text, 1, true)
    end
  end)
end)
