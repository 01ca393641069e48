-- Changes of what runs: reload, scale, roll.

local helper = require "spec.helper"
local billiard = require "billiard"

local same = require "billiard.supervisor.same"
local topology = billiard.topology

local function rest() billiard.sleep(600) end
local function ready() billiard.ready() billiard.sleep(600) end
local function fail() os.exit(9) end

local function supervisor(options)
  options.name = options.name or "s"
  return topology.supervisor(options)
end

local function started(t)
  assert(t:start())
  return t
end

-- name -> pid of all that runs.
local function pids_of(t)
  local pids = {}
  local function walk(row)
    pids[row.name] = row.pid
    for _, each in ipairs(row.children or {}) do walk(each) end
  end
  walk(t:status())
  return pids
end

local function names_of(t)
  local names = {}
  for i, row in ipairs(t.instance:which_children()) do names[i] = row.name end
  return table.concat(names, " ")
end

-- The names of those that have the same pid in both, sorted.
local function kept(before, after)
  local names = {}
  for name, pid in pairs(before) do
    if after[name] == pid then names[#names + 1] = name end
  end
  table.sort(names)
  return table.concat(names, " ")
end

-- A child that writes into the queue what happens to it.
local function telling(name, queue, options)
  local all = { name = name, ready = true, stop = billiard.policy.stop.unwind(5),
    target = function()
      local told <close> = setmetatable({}, { __close = function() queue:put(name .. " down") end })
      queue:put(name .. " up")
      billiard.ready()
      rest(told)
    end }
  for key, value in pairs(options or {}) do all[key] = value end
  return all
end

local function told(queue)
  local words = {}
  while true do
    local word = queue:get(0.2)
    if not word then return table.concat(words, ", ") end
    words[#words + 1] = word
  end
end

describe("same", function()
  local function made(text) return load(text)() end
  local COUNTER <const> = [[local n = 1
    return function(x) local t = { "a", 2.5, 3, nil, true }
      return function() return n + x, t end end]]

  it("compares functions by what they do, not by where they stand", function()
    assert.is_true(same(made(COUNTER), made("\n\n--[[ moved ]]\n" .. COUNTER)))
  end)

  it("sees other code, constants and upvalues", function()
    for _, change in ipairs { { "n = 1", "n = 2" }, { "2%.5", "2.25" }, { "n %+ x", "n - x" },
      { '"a"', '"b"' }, { "true", "false" } } do
      local other = COUNTER:gsub(change[1], change[2])
      assert.not_equal(COUNTER, other)
      assert.is_false(same(made(COUNTER), made(other)), other)
    end
  end)

  it("compares tables by what is in them, also where they hold themselves", function()
    local function tree(leaf)
      local t = { 1, { x = leaf } }
      t.self = t
      return t
    end
    assert.is_true(same(tree "a", tree "a"))
    assert.is_false(same(tree "a", tree "b"))
    assert.is_false(same({ 1 }, { 1, 2 }))
    assert.is_false(same({ 1, 2 }, { 1 }))
    assert.is_false(same({}, setmetatable({}, { __index = rest })))
    assert.is_false(same(print, pairs))
  end)

  it("reads the code of every function that there is", function()
    local code, n = require "billiard.supervisor.code", 0
    for _, module in pairs(package.loaded) do
      for _, f in pairs(type(module) == "table" and module or {}) do
        if type(f) == "function" and debug.getinfo(f, "S").what == "Lua" then
          assert.is_true(#code(f) > 0)
          n = n + 1
        end
      end
    end
    assert.is_true(n > 50)
  end)
end)

describe("reload", function()
  helper.guard()

  it("replaces, adds and removes only what changed", function()
    local t <close> = started(supervisor { { name = "a", target = rest },
      { name = "b", target = rest }, { name = "c", target = rest },
      topology.group { name = "g", n = 2, target = rest } })
    local before = pids_of(t)
    local ok, done = t:reload(supervisor { { name = "d", target = rest },
      { name = "a", target = rest }, { name = "b", target = rest, nice = 1 },
      topology.group { name = "g", n = 3, target = rest } })
    assert.is_true(ok)
    assert.same({ added = { "d", "g-3" }, removed = { "c" }, replaced = { "b" }, failed = {} },
      done)
    assert.equal("a g-1 g-2", kept(before, pids_of(t)))
    assert.equal("d a b g", names_of(t))
    assert.equal("", kept({ c = 0 }, pids_of(t)))
  end)

  it("changes a supervisor's own options in place", function()
    local function site(n)
      return supervisor { { name = "a", target = rest },
        supervisor { name = "inner", intensity = n, { name = "b", target = rest } } }
    end
    local t <close> = started(site(1))
    local before = pids_of(t)
    assert(t:reload(site(0)))
    assert.equal("a b", kept(before, pids_of(t)))
    os.execute("kill -KILL " .. before.b)
    helper.eventually(function() -- gives up at once, and is started again
      t:wait(0.02)
      return t:status().restarts == 1 and pids_of(t).b
    end)
  end)

  it("has the new one ready before the old one goes, unless they may not overlap", function()
    for overlap, order in pairs { [true] = "a up, a up, a down", [false] = "a up, a down, a up" } do
      local queue <close> = billiard.Queue()
      local t <close> = started(supervisor { telling("a", queue, { overlap = overlap }) })
      assert(t:reload(supervisor { telling("a", queue, { overlap = overlap, nice = 1 }) }))
      assert.equal(order, told(queue))
    end
  end)

  it("stops what depends on one that is stopped first, and starts it again", function()
    local queue <close> = billiard.Queue()
    local function site(nice)
      return supervisor { telling("a", queue, { overlap = false, nice = nice }),
        telling("b", queue, { depends_on = "a" }), telling("c", queue) }
    end
    local t <close> = started(site(0))
    assert(t:reload(site(1)))
    assert.equal("a up, b up, c up, b down, a down, a up, b up", told(queue))
  end)

  it("leaves what runs where the new one does not come up", function()
    for _, overlap in ipairs { true, false } do
      local t <close> = started(supervisor { { name = "a", target = ready, ready = true,
        overlap = overlap }, { name = "b", target = rest } })
      local before = pids_of(t)
      local ok, err, code, done = t:reload(supervisor { { name = "a", target = fail, ready = true,
        overlap = overlap }, { name = "b", target = rest },
        { name = "c", target = fail, ready = true } })
      assert.is_nil(ok)
      assert.equal("StartError", code)
      assert.equal("a", err.name)
      assert.same({ "a", "c" }, { done.failed[1].id, done.failed[2].id })
      local after = pids_of(t)
      assert.equal(overlap and "a b" or "b", kept(before, after))
      assert.is_number(after.a)
      assert.equal("a b", names_of(t))
    end
  end)

  it("keeps pipelines that are the same, and replaces those that are not as one", function()
    local function site(n)
      return supervisor { topology.pipeline { name = "p",
        { name = "x", n = n, target = function(v) return v end } } }
    end
    local t <close> = started(site(1))
    local before = pids_of(t)
    assert(t:reload(site(1)))
    assert.same(before, pids_of(t))
    local _, done = assert(t:reload(site(2)))
    assert.same({ "p" }, done.replaced)
    assert.is_number(pids_of(t)["x-2"])
  end)

  it("keeps a listening socket", function()
    local function site(n)
      return topology.prefork { name = "web", n = n, listen = { host = "127.0.0.1", port = 0 },
        target = rest }
    end
    local t <close> = started(site(1))
    local before, port = pids_of(t), t:port()
    assert(t:reload(site(2)))
    assert.equal(port, t:port())
    assert.equal("web-1", kept(before, pids_of(t)))
  end)

  it("refuses to become what it can only be from its start", function()
    local t <close> = started(supervisor { { name = "a", target = rest } })
    local ok, _, code = t:reload(topology.ring { name = "r", target = rest })
    assert.is_nil(ok)
    assert.equal("refused", code)
    assert.error_matches(function() t:reload {} end, "reload: takes a topology, got table")
  end)

  it("leaves what was added by a call", function()
    local t <close> = started(supervisor { { name = "a", target = rest } })
    assert(t.instance:start_child { name = "x", target = rest })
    local before = pids_of(t)
    assert(t:reload(supervisor { { name = "b", target = rest } }))
    assert.equal("x", kept(before, pids_of(t)))
    assert.equal("b x", names_of(t))
  end)

  it("goes on where a child dies meanwhile", function()
    local once = billiard.Value("u8", 0)
    local function site(nice)
      return supervisor { intensity = 5, { name = "a", target = ready, ready = true, nice = nice },
        { name = "b", target = function()
          if once.value == 1 and once:add(1) == 2 then os.exit(1) end
          rest()
        end } }
    end
    local t <close> = started(site(0))
    local before = pids_of(t)
    once.value = 1
    os.execute("kill -KILL " .. before.a .. " " .. before.b)
    assert(t:reload(site(1)))
    helper.eventually(function()
      t:wait(0.02)
      local now = pids_of(t)
      return now.a and now.b and kept(before, now) == ""
    end)
  end)
end)

describe("scale", function()
  helper.guard()

  local function site()
    return supervisor { intensity = 5, { name = "a", target = rest },
      topology.group { name = "g", n = 2, target = rest, intensity = 0 } }
  end

  it("adds members behind the others, and stops the last ones", function()
    local t <close> = started(site())
    local before = pids_of(t)
    local _, done = assert(t:scale("g", 4))
    assert.same({ "g-3", "g-4" }, done.added)
    assert.equal("a g-1 g-2", kept(before, pids_of(t)))
    _, done = assert(t:scale("g", 1))
    assert.same({ "g-4", "g-3", "g-2" }, done.removed)
    assert.equal("a g-1", kept(before, pids_of(t)))
  end)

  it("holds when the group is started again, and the whole", function()
    local t <close> = started(site())
    assert(t:scale("g", 3))
    local before = pids_of(t)
    os.execute("kill -KILL " .. before["g-2"])
    helper.eventually(function()
      t:wait(0.02)
      local now = pids_of(t)
      return now["g-3"] and now["g-3"] ~= before["g-3"]
    end)
    t:stop()
    started(t)
    assert.is_number(pids_of(t)["g-3"])
  end)

  it("says what it cannot do", function()
    local t <close> = started(site())
    for _, name in ipairs { "a", "s", "nobody" } do
      local ok, _, code = t:scale(name, 2)
      assert.is_nil(ok)
      assert.equal("not_found", code)
    end
    assert.error_matches(function() t:scale("g", 0) end, "option 'n' must be an integer")
    assert.error_matches(function() t:scale() end, "must be a string, got nil")
  end)
end)

describe("roll", function()
  helper.guard()

  it("replaces each process, one at a time, in order", function()
    local queue <close> = billiard.Queue()
    local t <close> = started(supervisor { telling("a", queue),
      supervisor { name = "inner", telling("b", queue),
        telling("c", queue, { overlap = false }) } })
    told(queue)
    assert(t:roll "inner")
    assert.equal("b up, b down, c down, c up", told(queue))
    local _, done = assert(t:roll())
    assert.same({ "a", "b", "c" }, done.replaced)
  end)
end)
