-- Workers behind one listening socket, with real clients. Run once per start method.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local SERVER <const> = helper.root .. "/spec/fixtures/prefork/server.py"
local LOCAL <const> = { host = "127.0.0.1", port = 0 }

local function python(...) return { "/usr/bin/python3", "-S", SERVER, ... } end

local function server(options)
  local all = { name = "web", n = 2, listen = LOCAL, ready = "systemd", intensity = 10,
    command = python "systemd" }
  for name, v in pairs(options or {}) do all[name] = v end
  return topology.prefork(all)
end

local function started(t)
  assert(t:start())
  return t
end

local function curl(t, n)
  return { "curl", "-s", "-Z", "--no-progress-meter", "--parallel-max", "8", "-o", "/dev/null",
    "-w", "%{http_code} %{exitcode} %header{x-pid}\n",
    ("http://127.0.0.1:%d/[1-%d]"):format(t:port(), n) }
end

-- How many answers each worker gave; fails where there was anything else.
local function tally(output, n)
  local pids, all = {}, 0
  for line in output:gmatch "[^\n]+" do
    local pid = line:match "^200 0 (%d+)$"
    assert(pid, line)
    pids[tonumber(pid)] = (pids[tonumber(pid)] or 0) + 1
    all = all + 1
  end
  assert.equal(n, all)
  return pids
end

local function ask(t, n)
  return tally(assert(billiard.run(curl(t, n))).stdout, n)
end

local function pids_of(t)
  local list = {}
  for i, row in ipairs(t.instance:which_children()) do list[i] = row.pid end
  return list
end

local function called(t, n)
  local client = billiard.Process { command = curl(t, n), stdout = "pipe", stderr = "null" }
  assert(client:start())
  return client
end

-- Calls f again and again while curl asks n times: its output.
local function while_asked(t, n, f)
  local client <close> = called(t, n)
  repeat f() until not client:is_alive()
  return client.stdout:read "a"
end

describe("prefork", function()
  helper.guard()

  it("shares one socket among its workers, passed as systemd passes it", function()
    local t <close> = started(server())
    local pids = ask(t, 100)
    for pid in pairs(pids) do
      assert.is_true(pid == pids_of(t)[1] or pid == pids_of(t)[2])
    end
  end)

  it("passes it as stdin where that is asked for", function()
    local t <close> = started(server { pass = "stdin", command = python "0" })
    ask(t, 10)
  end)

  it("calls a target with it", function()
    local function serve(fd, i, word)
      local server_socket = require "socket".tcp()
      server_socket:setfd(fd)
      assert(server_socket:listen())
      server_socket:settimeout(0)
      billiard.ready()
      while true do
        billiard.wait { fd }
        local client = server_socket:accept()
        if client then
          client:settimeout(5)
          client:receive()
          client:send(("HTTP/1.0 200 OK\r\n\r\n%s %d"):format(word, i))
          client:close()
        end
      end
    end
    local t <close> = started(topology.prefork { name = "lua", listen = LOCAL, ready = true,
      args = { "worker" }, target = serve, stop = billiard.policy.stop.unwind(5) })
    local url = ("http://127.0.0.1:%d/"):format(t:port())
    assert.equal("worker 1", assert(billiard.run { "curl", "-sS", url }).stdout)
  end)

  it("keeps whom nobody serves waiting until there is a worker again", function()
    local t <close> = started(server { n = 1 })
    local first = pids_of(t)[1]
    os.execute("kill -KILL " .. first)
    local client <close> = called(t, 1)
    helper.eventually(function()
      t:wait(0.02)
      return not client:is_alive()
    end)
    local pids = tally(client.stdout:read "a", 1)
    assert.is_nil(pids[first])
  end)

  it("refuses no connection while its workers are replaced one by one", function()
    local t <close> = started(server())
    local before, rolls = pids_of(t), 0
    local output = while_asked(t, 3000, function()
      assert(t:roll())
      rolls = rolls + 1
    end)
    tally(output, 3000)
    assert.is_true(rolls >= 2)
    for i, pid in ipairs(pids_of(t)) do assert.not_equal(before[i], pid) end
    assert.equal(2, #pids_of(t))
  end)

  it("keeps the old worker where its successor does not come up", function()
    local flag = helper.tmpname()
    local t <close> = started(server { n = 1, start_timeout = 0.5, command = { "sh", "-c",
      ("[ -e %s ] || exit 7; exec \"$@\""):format(flag), "sh",
      table.unpack(python "systemd") } })
    local before = pids_of(t)
    os.remove(flag)
    local ok, err, code, done = t:roll()
    assert.is_nil(ok)
    assert.equal("StartError", code)
    assert.equal("web-1", err.name)
    assert.same({}, done.replaced)
    assert.same(before, pids_of(t))
    ask(t, 3)
  end)

  it("listens at a path, and lets go of it at its end", function()
    local path = helper.tmpname()
    os.remove(path)
    local t = started(server { listen = { path = path } })
    local result = assert(billiard.run { "curl", "-sS", "--unix-socket", path, "http://x/" })
    assert.equal("ok\n", result.stdout)
    assert.is_nil(t:port())
    t:stop()
    result = assert(billiard.run { "curl", "-sS", "--unix-socket", path, "http://x/" })
    assert.equal(7, result.exitcode) -- could not connect
    t = started(t) -- where its own socket file is left
    t:stop()
    os.remove(path)
  end)

  -- Does what systemd does for a socket unit: listens, and runs the program
  -- with the socket as descriptor 3.
  local ACTIVATE <const> = [[
import os, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True) # also where it was there before
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])]]

  it("adopts the socket that systemd passed to its process", function()
    local script = helper.tmpname()
    local file <close> = assert(io.open(script, "w"))
    file:write(([[local topology = require "billiard".topology
      return topology.supervisor { name = "s", topology.prefork { name = "web",
        listen = "systemd", ready = "systemd", command = { "/usr/bin/python3", %q, "systemd" } } }
      ]]):format(SERVER))
    file:close()
    local first = started(server { n = 1 }) -- finds a port that is free
    local port = first:port()
    first:stop()
    local host <close> = billiard.Process { stdout = "null", stderr = "null",
      command = { "python3", "-c", ACTIVATE, port, helper.host, "run", script } }
    assert(host:start())
    local result = helper.eventually(function()
      local r = billiard.run { "curl", "-sS", "http://127.0.0.1:" .. port }
      return r.exitcode == 0 and r
    end)
    assert.equal("ok\n", result.stdout)
    host:terminate()
    host:join()
  end)

  it("has more or fewer workers where that is asked for", function()
    local t <close> = started(server { n = 1 })
    local port = t:port()
    local _, done = assert(t:scale("web", 3))
    assert.same({ "web-2", "web-3" }, done.added)
    assert(t:scale("web", 2))
    assert.equal(2, #pids_of(t))
    assert.equal(port, t:port())
    ask(t, 20)
  end)

  it("is drawn with its address and its command", function()
    local plan = require "billiard.host.plan".text
    local text = plan(server({ n = 1, listen = { host = "::1", port = 80 } }).checked)
    assert.matches("listens at ::1 port 80", text)
    assert.matches("web-1  /usr/bin/python3 -S", text, 1, true)
    assert.matches("what systemd passes", plan(server({ listen = "systemd" }).checked))
  end)

  it("fails its start where it cannot listen", function()
    local one <close> = started(server { n = 1 })
    local t = server { listen = { host = "127.0.0.1", port = one:port() } }
    local ok, err, code = t:start()
    assert.is_nil(ok)
    assert.equal("StartError", code)
    assert.matches("in use", err.message)
    ok, err = server({ listen = "systemd" }):start()
    assert.is_nil(ok)
    assert.matches("LISTEN_FDS", err.message)
  end)

  it("says what is wrong before anything starts", function()
    local listen = "option 'listen' must be"
    for _, case in ipairs {
      { listen, { listen = false } }, { listen, { listen = { port = 70000 } } },
      { listen, { listen = { host = "localhost", port = 1 } } },
      { listen, { listen = { path = "/x", port = 1 } } }, { listen, { listen = { systemd = 0 } } },
      { "'backlog'", { listen = { port = 0, backlog = 0 } } },
      { "option 'n' must be", { n = 0 } }, { "option 'pass'", { pass = "fd" } },
      { "not a worker's to choose", { stdin = "null" } },
      { "fd 3 is the socket", { ready = { fd = 3 } } },
      { "unknown option 'port'", { port = 80 } },
    } do
      assert.error_matches(function() server(case[2]) end, case[1])
    end
  end)
end)
