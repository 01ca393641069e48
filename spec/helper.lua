-- What the specs share.
--   local helper = require "spec.helper"
--   describe("billiard.x", function()
--     helper.guard()  -- first: the clean-up of a test comes before its check

local lfs = require "lfs"
local system = require "system"
local busted = require "busted"

local helper = {}

local root = lfs.currentdir()
local build = os.getenv "BUILD" or root .. "/build"
local installed = os.getenv "BILLIARD_INSTALLED" == "1"
local temporary = {}

local function absolute(path)
  return path:sub(1, 1) == "/" and path or root .. "/" .. path
end

helper.root = root
-- the host, and the interpreter that runs this spec
helper.host = absolute(os.getenv "BILLIARD_HOST" or "build/bin/billiard")
helper.lua = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
-- the module, which plain Lua loads
helper.core = absolute(build) .. "/lib/billiard/core.so"
helper.is_host = helper.lua == helper.host
-- how much slower everything may be (sanitizers, forced collector)
helper.scale = tonumber(os.getenv "BILLIARD_SPEC_SCALE") or 1
-- address space limits cannot hold under ASan: skip such tests
helper.asan = os.getenv "BILLIARD_SPEC_ASAN" == "1"

-- how children are started that say nothing of it (tools/run-specs.sh)
helper.method = os.getenv "BILLIARD_SPEC_METHOD" or "fork"

-- The same, but children are this process's own: a zygote's are not.
helper.own_method = helper.method == "forkserver" and "fork" or helper.method

-- `it` for what holds by these start methods only; for others it does nothing.
function helper.only(it, ...)
  for _, method in ipairs { ... } do
    if method == helper.method then return it end
  end
  return function() end
end

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

function helper.quote(s) return "'" .. tostring(s):gsub("'", "'\\''") .. "'" end

-- A new empty file; the guard removes it after the test.
function helper.tmpname()
  local name = os.tmpname()
  temporary[#temporary + 1] = name
  return name
end

-- A new empty folder: its path; <close> removes it and all that is in it.
function helper.tmpdir()
  local path = os.tmpname()
  assert(os.remove(path))
  assert(lfs.mkdir(path))
  return setmetatable({ path = path }, { __close = function()
    os.execute("rm -rf " .. helper.quote(path))
  end })
end

-- How many descriptors are open, and what each stands for.
function helper.fds()
  local n, list = 0, {}
  for name in lfs.dir "/proc/self/fd" do
    local fd = tonumber(name)
    local target = fd and lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
    -- the descriptor that reads the directory does not count
    if target and not target:find "^/proc/%d+/fd$" then
      n, list[fd] = n + 1, target
    end
  end
  return n, list
end

-- "R", "S", "T", "Z", ... or nil when there is no such process; then its parent.
function helper.proc_state(pid)
  local stat = read("/proc/" .. pid .. "/stat")
  if not stat then return nil end
  local state, parent = stat:match "^.*%)%s+(%a)%s+(%d+)"
  return state, tonumber(parent)
end

function helper.pid() return tonumber(read("/proc/self/stat"):match "^%d+") end

-- The fork server of this process: it stays from test to test.
local function zygote()
  local core = package.loaded["billiard.core"]
  return core and core.zygote()
end

-- The children of this process, zombies included: pid -> state.
function helper.children()
  local me, server, children = helper.pid(), zygote(), {}
  for name in lfs.dir "/proc" do
    local pid = tonumber(name)
    local state, parent
    if pid then state, parent = helper.proc_state(pid) end
    if state and parent == me and pid ~= server then children[pid] = state end
  end
  return children
end

-- Calls f until it returns something true, which is then returned; raises
-- after some seconds (5).
function helper.eventually(f, seconds)
  local deadline = system.monotime() + (seconds or 5) * helper.scale
  while true do
    local results = table.pack(f())
    if results[1] then return table.unpack(results, 1, results.n) end
    if system.monotime() > deadline then
      error("has not come true within " .. (seconds or 5) * helper.scale .. " s", 2)
    end
    system.sleep(0.002)
  end
end

-- The same, while a topology that runs does its work.
function helper.work_until(topology, f)
  local deadline = system.monotime() + 10 * helper.scale
  while not f() do
    if system.monotime() > deadline then error("has not come true", 2) end
    topology:wait(0.05)
  end
end

local interpreters = { host = helper.host, lua = "lua5.4" }

local function environment(opts)
  local set = {}
  if not installed then
    set.LUA_PATH = root .. "/scripts/?.lua;" .. root .. "/scripts/?/init.lua;;"
    set.LUA_CPATH = absolute(build) .. "/lib/?.so;;"
  end
  if os.getenv "BILLIARD_SPEC_GC" then set.LUA_INIT = "@" .. root .. "/tools/gcstress.lua" end
  for name, value in pairs(opts.env or {}) do set[name] = value end
  local words = {}
  for name, value in pairs(set) do
    if value == false then table.insert(words, 1, "-u " .. name)
    else words[#words + 1] = name .. "=" .. helper.quote(value) end
  end
  return table.concat(words, " ")
end

-- A script of its own starts its children as this spec does.
function helper.method_flags()
  if helper.method == "fork" then return "" end
  return ("-e 'require [[billiard]].set_start_method [[%s]]'"):format(helper.method)
end

local function words(list)
  local quoted = {}
  for i, word in ipairs(list or {}) do quoted[i] = helper.quote(word) end
  return table.concat(quoted, " ")
end

-- Runs a script in an interpreter of its own and returns what it wrote to
-- stdout and stderr, and how it ended: its exit status, or -N for signal N.
-- opts: interpreter ("host", "lua" or a path; else the one running this),
-- flags (before the script), args, env (false: unset), input, cwd, timeout
-- (30 s; raises), file (a script to run in place of the text).
function helper.run(text, opts)
  opts = opts or {}
  local script, out, err, input = os.tmpname(), os.tmpname(), os.tmpname(), os.tmpname()
  write(script, text or "")
  write(input, opts.input or "")
  local seconds = (opts.timeout or 30) * helper.scale
  -- exec and timeout pass a signal's death on as such
  local ok, how, code = os.execute(table.concat({
    "cd", helper.quote(opts.cwd or root), "&& exec env", environment(opts),
    "timeout -k 5", seconds, helper.quote(interpreters[opts.interpreter]
      or opts.interpreter or helper.lua),
    helper.method_flags(), words(opts.flags), helper.quote(opts.file or script), words(opts.args),
    "<" .. input, ">" .. out, "2>" .. err }, " "))
  local stdout, stderr = read(out), read(err)
  for _, name in ipairs { script, out, err, input } do os.remove(name) end
  if not ok and how == "exit" and code == 124 then
    error("not done after " .. seconds .. " s; stderr: " .. stderr, 2)
  end
  return stdout, stderr, how == "signal" and -code or code
end

-- The library opens a few descriptors with its first child, and the first that
-- a loop waits for to be ready, and keeps them.
local warm
local function warm_up()
  if warm then return end
  warm = true
  local ok, billiard = pcall(require, "billiard")
  if not ok then return end
  pcall(function()
    local p = billiard.Process { target = function() end, daemon = true }
    p:start()
    require "billiard.core".ready_fd(p)
    p:join()
    p:close()
  end)
end

local function snapshot()
  collectgarbage()
  collectgarbage()
  local n, fds = helper.fds()
  return { fds = fds, n = n, children = helper.children(), cwd = lfs.currentdir() }
end

local function leaks(before, after)
  local found = {}
  for pid, state in pairs(after.children) do
    if not before.children[pid] then
      found[#found + 1] = ("a child, pid %d (%s)"):format(pid, state)
      os.execute("kill -KILL " .. pid .. " 2>/dev/null")
    end
  end
  if after.n > before.n then
    for fd, target in pairs(after.fds) do
      if before.fds[fd] ~= target then
        found[#found + 1] = ("descriptor %d (%s)"):format(fd, target)
      end
    end
  end
  if after.cwd ~= before.cwd then
    found[#found + 1] = "another working directory, " .. tostring(after.cwd)
    lfs.chdir(before.cwd)
  end
  return found
end

-- Specs that use the fork server ask for one before each test.
helper.wants_zygote = helper.method == "forkserver"

local function warm_zygote()
  if not helper.wants_zygote or zygote() then return end
  local Process = require "billiard".Process
  local p = Process { target = function() end, start_method = "forkserver" }
  assert(p:start())
  p:join()
  p:close()
end

local function set_method()
  local billiard = package.loaded.billiard
  if billiard then billiard.set_start_method(helper.method, true) end
end

local current -- the name of the test that runs

-- In a describe: fails each test that leaves a child (alive or a zombie), an
-- open descriptor or another working directory behind.
function helper.guard()
  local before
  busted.subscribe({ "test", "start" }, function(element)
    current = element.name
    return nil, true
  end)
  busted.before_each(function()
    warm_up()
    set_method()
    warm_zygote()
    before = snapshot()
  end)
  busted.after_each(function()
    for i = #temporary, 1, -1 do os.remove(table.remove(temporary, i)) end
    local found = leaks(before, snapshot())
    if #found > 0 then
      error(('"%s" left behind: %s'):format(current, table.concat(found, "; ")), 0)
    end
  end)
end

return helper
