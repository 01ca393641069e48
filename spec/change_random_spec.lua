-- One random topology becomes another, while its processes are killed.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local function rest() billiard.sleep(600) end
local function ready() billiard.ready() billiard.sleep(600) end

local makers = {
  function(name) return { name = name, target = rest, nice = math.random(0, 2) } end,
  function(name)
    return { name = name, target = ready, ready = true, nice = math.random(0, 2),
      overlap = math.random(2) == 1 }
  end,
  function(name)
    return topology.group { name = name, n = math.random(3), target = rest, intensity = 1000 }
  end,
  function(name)
    return topology.prefork { name = name, n = math.random(2), listen = { port = 0 },
      target = rest, intensity = 1000 }
  end,
  function(name)
    return topology.supervisor { name = name, intensity = 1000,
      { name = "x", target = ready, ready = true, nice = math.random(0, 2) },
      { name = "y", target = rest, depends_on = "x" } }
  end,
}

-- Some of seven children, in any order.
local function random_site()
  local options = { name = "s", intensity = 1000, period = 1 }
  for i = 1, 7 do
    if math.random(3) > 1 then
      table.insert(options, math.random(#options + 1), makers[math.random(#makers)]("c" .. i))
    end
  end
  return topology.supervisor(options)
end

local function pids_of(row, list)
  list = list or {}
  list[#list + 1] = row.pid
  for _, each in ipairs(row.children or {}) do pids_of(each, list) end
  return list
end

local function kill_some(t)
  local pids = pids_of(t:status())
  for _ = 1, math.min(#pids, math.random(0, 2)) do
    os.execute(("kill -KILL %d 2>/dev/null"):format(pids[math.random(#pids)]))
  end
  if math.random(3) == 1 then t:wait(0) end -- or nobody knows of it yet
end

local function all_run(row)
  for _, each in ipairs(row.children or {}) do
    if not all_run(each) then return false end
  end
  return row.state == "running" and (row.children or row.pid) ~= nil
end

local function names(list, key)
  local all = {}
  for i, each in ipairs(list) do all[i] = each[key] end
  return all
end

describe("random changes", function()
  helper.guard()

  it("end in what was wanted, whoever dies meanwhile", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    print("change_random_spec: SEED=" .. seed)
    math.randomseed(seed)
    local t <close> = random_site()
    assert(t:start())
    for _ = 1, os.getenv "BILLIARD_SPEC_GC" and 5 or 40 do
      local wanted = random_site()
      kill_some(t)
      assert(t:reload(wanted))
      assert.same(names(wanted.checked.children, "id"), names(t.instance:which_children(), "id"))
      helper.eventually(function()
        t:wait(0.01)
        return all_run(t:status())
      end)
    end
  end)
end)
