-- The host: what lua5.4 does it does too, compared run by run; then what is
-- its own. Both are started as "lua", so that nothing has to be made alike.

local helper = require "spec.helper"
local lfs = require "lfs"

local quote = helper.quote
local fixtures = helper.root .. "/spec/fixtures/host"
local limit <const> = 30 * helper.scale

-- nothing may depend on who runs the spec; TERM: readline without colours
local clean <const> = "-u LUA_INIT -u LUA_INIT_5_4 -u LUA_PATH -u LUA_PATH_5_4"
  .. " -u LUA_CPATH -u LUA_CPATH_5_4 -u INPUTRC -u LD_LIBRARY_PATH TERM=dumb LC_ALL=C SHELL=/bin/sh"

local work -- a folder: lua5.4/lua, billiard/lua, and what a run writes

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local function make_work()
  work = os.tmpname()
  assert(os.remove(work) and lfs.mkdir(work))
  local which <close> = io.popen "command -v lua5.4"
  for name, target in pairs { ["lua5.4"] = which:read "l", billiard = helper.host } do
    assert(lfs.mkdir(work .. "/" .. name))
    assert(lfs.link(target, work .. "/" .. name .. "/lua", true))
  end
end

local function remove_work() os.execute("rm -rf " .. quote(work)) end

-- Shell words that run a command where the interpreter ("lua5.4" or
-- "billiard") is found as lua, for a limited time; by KILL, as what hangs may
-- block all else.
local function limited(who, env)
  local list = { "cd", quote(fixtures), "&& exec env", clean,
    "PATH=" .. quote(work .. "/" .. who) .. ":$PATH" }
  for name, value in pairs(env or {}) do list[#list + 1] = name .. "=" .. quote(value) end
  list[#list + 1] = "timeout -s KILL " .. limit
  return table.concat(list, " ")
end

-- case: args, env, input (false: a closed stdin), under (what starts it).
-- What it wrote and how it ended, -N for signal N.
local function run(who, case)
  local list = { limited(who, case.env), case.under or "", case.program or "lua" }
  for _, word in ipairs(case.args or case) do list[#list + 1] = quote(word) end
  write(work .. "/in", case.input or "")
  list[#list + 1] = case.input == false and "<&-" or "<" .. quote(work .. "/in")
  list[#list + 1] = ">" .. quote(work .. "/out") .. " 2>" .. quote(work .. "/err")
  local _, how, code = os.execute(table.concat(list, " "))
  return {
    out = read(work .. "/out"),
    err = read(work .. "/err"),
    code = how == "signal" and -code or code,
  }
end

local function host(case) return run("billiard", case) end

-- What may differ: our line below Lua's, and how many levels of a stack of a
-- million slots are left to the script.
local function normalise(result)
  result.out = result.out:gsub("^(Lua [^\n]*\n)billiard %d[%w.-]*\r?\n", "%1")
  result.err = result.err:gsub("%(skipping %d+ levels%)", "(skipping levels)")
  return result
end

local function compare(case)
  case.args = table.move(case, 2, #case, 1, {})
  local theirs, ours = normalise(run("lua5.4", case)), normalise(host(case))
  assert.same(theirs, ours)
  assert.equal(case.code or 0, ours.code)
  if case.says then
    assert.truthy((ours.out .. ours.err):find(case.says, 1, true), "does not say: " .. case.says)
  end
end

-- Talks to it on a terminal. steps: { what to wait for, what to type then }.
-- What the terminal showed, and the exit status.
local function converse(who, program, steps)
  local screen = work .. "/screen"
  write(screen, "")
  local terminal = io.popen(("%s script -qefc %s /dev/null >%s 2>&1"):format(limited(who),
    quote("exec " .. program), quote(screen)), "w")
  local from = 1
  for _, step in ipairs(steps) do
    from = helper.eventually(function()
      local _, to = read(screen):find(step[1], from, true)
      return to and to + 1
    end, 20)
    terminal:write(step[2])
    terminal:flush()
  end
  local _, _, code = terminal:close()
  return read(screen), code
end

describe("the host and lua5.4 agree on", function()
  helper.guard()
  setup(make_work)
  teardown(remove_work)

  for _, group in ipairs(dofile(fixtures .. "/cases.lua")) do
    describe(group[1] .. ":", function()
      for _, case in ipairs(group[2]) do
        it(case[1], function() compare(case) end)
      end
    end)
  end

  it("a terminal: line editing, history, SIGINT, the exit status", function()
    local steps = {
      { "> ", "x = 20 + 1\n" },
      { "> ", "x * 2\n" },
      { "42\r\n> ", "\16\n" }, -- control-P: the line before
      { "42\r\n> ", "print('bu' .. 'sy') while true do end\n" },
      { "\nbusy\r\n", "\3" },
      { "interrupted!", "" },
      { "\n> ", "os.exit(6)\n" },
    }
    local theirs, their_code = converse("lua5.4", "lua", steps)
    local ours, our_code = converse("billiard", "lua", steps)
    assert.equal(theirs, (ours:gsub("\nbilliard [^\r]*\r\n", "\n", 1)))
    assert.same({ 6, 6 }, { their_code, our_code })
  end)
end)

describe("the host", function()
  helper.guard()
  setup(make_work)
  teardown(remove_work)

  it("names itself in a line below Lua's", function()
    local lua, own = run("lua5.4", { "-v" }), host { "-v" }
    assert.equal(lua.out, own.out:match "^[^\n]*\n")
    assert.matches("^billiard %d+%.%d+%.%d+\n$", own.out:sub(#lua.out + 1))
  end)

  it("begins its messages with the path it was started by", function()
    local program = work .. "/billiard/lua"
    local result = host { program = quote(program), "-e", "error('here', 0)" }
    assert.equal(program .. ": here\n", result.err:match "^[^\n]*\n")
  end)

  it("has words for an error that is no text", function()
    local result = host { "-e", "setmetatable(_G, { __newindex = function() error {} end })",
      "-l", "g=string" }
    assert.same({ out = "", err = "lua: (error message not a string)\n", code = 1 }, result)
  end)

  it("says what is missing when stdin ends inside a statement", function()
    assert.matches("^stdin:1: 'end' expected near <eof>\n$",
      host({ "-i", input = "for i = 1, 2 do\n" }).err)
  end)

  it("edits lines with a library it does not need", function()
    local linked <close> = io.popen("ldd " .. quote(helper.host))
    local text = linked:read "a"
    assert.truthy(text:find "libc%.so")
    assert.falsy(text:find "readline" or text:find "libedit")
    -- no library by these names can be loaded
    for _, name in ipairs { "libreadline.so.8", "libreadline.so.7", "libedit.so.2" } do
      write(work .. "/" .. name, "not a library\n")
    end
    local result = host { "-i", env = { LD_LIBRARY_PATH = work },
      input = "for i = 1, 1 do\nprint(i) end\n'" .. ("x"):rep(2000) .. "'\n2" }
    assert.equal("> >> 1\n> " .. ("x"):rep(2000) .. "\n> 2\n> \n",
      result.out:match "^[^\n]*\n[^\n]*\n(.*)")
    assert.equal(0, result.code)
  end)

  for _, name in ipairs { "lfs", "cjson", "cqueues", "luv" } do
    it("loads C modules made for Lua: " .. name, function()
      local case = { "-l", "m=" .. name, "-e", "print(type(m))" }
      if run("lua5.4", case).code ~= 0 then return pending(name .. " is not installed") end
      assert.same({ out = "table\n", err = "", code = 0 }, host(case))
    end)
  end
end)

-- these need all of the module billiard
describe("the module inside the host", function()
  helper.guard()
  setup(make_work)
  teardown(remove_work)

  local nowhere <const> = { LUA_PATH = "/nowhere/?.lua", LUA_CPATH = "/nowhere/?.so" }

  it("needs no files", function()
    local result = host { env = nowhere, "-e", [[
      local names = {}
      for name in pairs(package.preload) do names[#names + 1] = name end
      for _, name in ipairs(names) do
        assert(name:find "^billiard" and require(name) ~= true, name)
      end
      print(#names > 2, require "billiard"._VERSION == require "billiard.core"._VERSION)]] }
    assert.same({ out = "true\ttrue\n", err = "", code = 0 }, result)
  end)

  it("has every Lua file of scripts/billiard, under its name", function()
    local source = "debug.sethook(function()"
      .. " local at = debug.getinfo(2, 'S') if at.what == 'main' then print(at.source) end"
      .. " end, 'c')"
    for file in lfs.dir(helper.root .. "/scripts/billiard") do
      local stem = file:match "^(.*)%.lua$"
      if stem then
        local name = stem == "init" and "billiard" or "billiard." .. stem
        local result = host { env = nowhere, "-e", source .. " require '" .. name .. "'" }
        assert.equal("", result.err)
        assert.truthy(result.out:find("@billiard/" .. file .. "\n", 1, true), name)
      end
    end
  end)

  it("is not shadowed by files", function()
    local path = { LUA_PATH = fixtures .. "/shadow/?.lua" }
    local case = { env = path, "-e", "print(type(require 'billiard'))" }
    assert.equal("string\n", run("lua5.4", case).out)
    assert.same({ out = "table\n", err = "", code = 0 }, host(case))
  end)
end)

-- --kill-child: with unshare its namespace goes, whatever process 1 does
local namespace <const> = "unshare --kill-child -pf --mount-proc"

describe("the host as process 1", function()
  helper.guard()
  local under
  setup(function()
    make_work()
    for _, candidate in ipairs { namespace, namespace .. " -r" } do
      if os.execute(candidate .. " true 2>/dev/null") then under = under or candidate end
    end
  end)
  teardown(remove_work)

  -- an `it` that needs a namespace of its own
  local function inside(name, test)
    it(name, function()
      if not under then return pending "unshare may not make a PID namespace here" end
      test()
    end)
  end

  local function first(case)
    case.under = under .. " " .. (case.under or "")
    return host(case)
  end

  inside("reaps what its script leaves behind", function()
    local fifo = work .. "/fifo"
    assert(os.execute("mkfifo " .. quote(fifo)))
    assert.same({ out = "reaped\n", err = "", code = 0 }, first { "orphan.lua", fifo })
  end)

  for code, script in pairs { [0] = "", [1] = "error()", [7] = "os.exit(7)" } do
    inside("exits with " .. code .. " as its script does", function()
      assert.equal(code, first({ "-e", script }).code)
    end)
  end

  for name, number in pairs { HUP = 1, USR1 = 10, USR2 = 12, ALRM = 14, TERM = 15, RTMAX = 64 } do
    inside("passes SIG" .. name .. " on, and 128 + " .. number .. " back", function()
      local script = "io.popen('kill -%d 1'):close() while true do end"
      local result = first { "-e", script:format(number) }
      assert.same({ out = "", err = "", code = 128 + number }, result)
    end)
  end

  inside("passes SIGINT on to a script that can take it", function()
    local result = first { "-e", "io.popen('kill -INT 1'):close() while true do end" }
    assert.matches("interrupted!", result.err)
    assert.equal(1, result.code)
  end)

  inside("runs its script in a group of its own", function()
    local result = first { "-e", [[
      local stat = io.open("/proc/self/stat"):read "a"
      local pid, parent, group = stat:match "^(%d+) %b() %a (%d+) (%d+)"
      print(pid ~= "1", parent, pid == group)]] }
    assert.same({ out = "true\t1\ttrue\n", err = "", code = 0 }, result)
  end)

  inside("gives its script default dispositions and the mask it was given", function()
    local result = first { under = "env --ignore-signal=CHLD,PIPE,TERM --block-signal=USR1",
      "-e", [[
        local status = io.open("/proc/self/status"):read "a"
        local ignored = tonumber(status:match "SigIgn:%s+(%x+)", 16)
        local cleared = 1 << 16 | 1 << 12 | 1 << 14 -- libc keeps two for itself
        print(ignored & cleared, status:match "SigBlk:%s+0*(%x+)")
        os.exit(7)]] }
    assert.same({ out = "0\t200\n", err = "", code = 7 }, result)
  end)

  inside("gives its script the terminal", function()
    local stat = [[local s = io.open('/proc/self/stat'):read 'a'
      local group, front = s:match '^%d+ %b() %a %d+ (%d+) %d+ %d+ (%d+)'
      print('front', group == front)]]
    local screen, code = converse("billiard", under .. " lua -i", {
      { "> ", stat:gsub("%s+", " ") .. "\n" },
      { "front\ttrue\r\n> ", "print('bu' .. 'sy') while true do end\n" },
      { "\nbusy\r\n", "\3" },
      { "interrupted!", "" },
      { "\n> ", "os.exit(6)\n" },
    })
    assert.equal(6, code, screen)
  end)
end)
