-- The listings of docs/guide.md, in their order.

local helper = require "spec.helper"
local running = require "spec.fixtures.running"
local billiard = require "billiard"

local PORT <const> = "8765" -- the guide's; here it is one that is free

local function free_port()
  local t <close> = billiard.topology.prefork { name = "p", listen = { port = 0 },
    command = { "sleep", "600" } }
  assert(t:start())
  return tostring(t:port())
end

-- { language, text } of each listing.
local function listings(port)
  local list = {}
  for language, text in running.read "docs/guide.md":gmatch "\n```(%l+)\n(.-)```" do
    list[#list + 1] = { language, (text:gsub(PORT, port)) }
  end
  return list
end

-- Who follows the guide: a folder, and what runs in the first terminal.
local Reader = {}
Reader.__index = Reader

local function new_reader(folder, port)
  return setmetatable({ folder = folder, port = port, env = billiard.environment() }, Reader)
end

function Reader:write(name, text)
  local file <close> = assert(io.open(self.folder .. "/" .. name, "w"))
  file:write(text)
end

function Reader:start(command, options)
  self.log = helper.tmpname()
  local out <close> = assert(io.open(self.log, "w"))
  local all = { command = command, stdout = out, stderr = "stdout", cwd = self.folder,
    env = self.env, stdin = "null" }
  for key, value in pairs(options or {}) do all[key] = value end
  self.process = billiard.Process(all)
  assert(self.process:start())
  self.env.PID = tostring(self.process.pid)
end

function Reader:printed(text)
  for line in text:gmatch "[^\n]+" do
    running.says(function() return running.read(self.log) end, line)
  end
end

function Reader:ended()
  self.process:join(20 * helper.scale)
  local code = self.process.exitcode
  self.process:close()
  self.process = nil
  return code
end

function Reader:shell(command, expected)
  local result = assert(billiard.run { "sh", "-c", command, cwd = self.folder, env = self.env })
  assert.equal("", result.stderr)
  assert.equal(0, result.exitcode, command)
  for line in expected:gmatch "[^\n]+" do assert.matches(line, result.stdout, 1, true) end
end

local follow = {}

function follow.lua(reader, text) reader:write(text:match "^%S+ (%S+)\n", text) end
follow.python = follow.lua

function follow.text(reader, text)
  reader:printed(text)
  if text:find "has ended" then assert.equal(0, reader:ended()) end
end

function follow.console(reader, text)
  for command, expected in ("\n" .. text):gmatch "\n%$ ([^\n]*)([^$]*)" do
    if not command:find "^billiard run" then
      reader:shell(command, expected)
    else
      reader:start { "sh", "-c", "exec " .. command }
      follow.text(reader, expected)
    end
  end
end

-- Does what systemd would do with the unit: start, reload, stop.
function follow.ini(reader, text)
  local unit = {}
  for key, value in text:gmatch "\n(%w+)=([^\n]*)" do unit[key] = value end
  assert.equal("notify", unit.Type)
  local out, path = helper.tmpname(), reader.folder .. "/notify"
  local file <close> = assert(io.open(out, "w"))
  local ear <close> = billiard.Process { stdout = file, command = { "/usr/bin/python3",
    helper.root .. "/spec/fixtures/host/notify.py", path } }
  assert(ear:start())
  local function heard() return running.read(out) end
  running.says(heard, "bound")
  local env = { NOTIFY_SOCKET = path, WATCHDOG_USEC = tostring(unit.WatchdogSec * 1000) }
  for key, value in pairs(reader.env) do env[key] = value end
  local command = unit.ExecStart:gsub("^/usr/local/bin/billiard", helper.host)
  reader:start({ "sh", "-c", "exec " .. command }, { env = env })
  running.says(heard, "READY=1 MAINPID=" .. reader.env.PID)
  running.says(heard, "WATCHDOG=1")
  reader:shell((unit.ExecReload:gsub("%$MAINPID", reader.env.PID)), "")
  running.says(heard, "RELOADING=1")
  reader:shell("kill -TERM $PID", "")
  running.says(heard, "STOPPING=1")
  assert.equal(0, reader:ended())
  ear:terminate()
  ear:join()
end

-- Lays out what the image would have, and runs its process 1 there.
function follow.dockerfile(reader, text)
  local root <close> = helper.tmpdir()
  for words in text:gmatch "\nCOPY ([^\n]*)" do
    local files, to = words:match "^(.*) (%S+)$"
    reader:shell(("mkdir -p '%s%s' && cp %s '%s%s'"):format(root.path, to,
      files:gsub("billiard", helper.host), root.path, to), "")
  end
  local words = {}
  for word in text:match "CMD %[(.-)%]":gmatch '"(.-)"' do words[#words + 1] = word end
  local env = {}
  for key, value in pairs(reader.env) do env[key] = value end
  env.PATH = root.path .. "/usr/local/bin:" .. env.PATH
  local image = new_reader(root.path .. text:match "WORKDIR (%S+)", reader.port)
  image.env = env
  image:start { "unshare", "-pf", "--mount-proc", table.unpack(words) }
  image:printed "site is up"
  image:shell(text:match "HEALTHCHECK CMD ([^\n]*)", "hello again")
  local pid = image.process.pid
  local inner = running.read(("/proc/%d/task/%d/children"):format(pid, pid)):match "%d+"
  running.kill("TERM", inner)
  assert.equal(0, image:ended())
end

describe("the guide", function()
  helper.guard()

  it("works as it is written", function()
    if not os.execute "unshare -pf --mount-proc true 2>/dev/null" then
      return pending "no namespaces here"
    end
    local dir <close> = helper.tmpdir()
    local port = free_port()
    local reader = new_reader(dir.path, port)
    local bin = dir.path .. "/bin"
    reader:shell(("mkdir %s && ln -s %s %s/billiard"):format(bin, helper.host, bin), "")
    reader.env.PATH = bin .. ":" .. reader.env.PATH
    local list = listings(port)
    assert.is_true(#list >= 15)
    local ok, err = pcall(function()
      for _, listing in ipairs(list) do follow[listing[1]](reader, listing[2]) end
    end)
    if reader.process then
      reader.process:kill()
      reader.process:join()
      reader.process:close()
    end
    assert(ok, err)
  end)
end)
