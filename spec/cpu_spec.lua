-- How many processors there are, and how many this process may use.

local billiard = require "billiard"
local helper = require "spec.helper"

local function first_allowed()
  for line in io.lines "/proc/self/status" do
    local first = line:match "^Cpus_allowed_list:%s*(%d+)"
    if first then return first end
  end
end

-- The line of cpuinfo that each processor has once.
local function listed()
  local n = 0
  for line in io.lines "/proc/cpuinfo" do
    if line:find "^processor%s*:" then n = n + 1 end
  end
  return n
end

local print_both = [[
local b = require "billiard"
print(b.cpu_count(), b.usable_cpu_count())]]

describe("billiard.cpu_count", function()
  helper.guard()

  it("is the number of processors that are there", function()
    local n = billiard.cpu_count()
    assert.equal("integer", math.type(n))
    assert.is_true(n >= 1)
    assert.equal(listed(), n)
  end)

  it("does not depend on what this process may use", function()
    local out = helper.run(print_both, { interpreter = "taskset",
      flags = { "-c", first_allowed(), helper.lua } })
    assert.equal(tostring(billiard.cpu_count()), out:match "^%d+")
  end)
end)

describe("billiard.usable_cpu_count", function()
  helper.guard()

  it("is at least 1 and at most cpu_count", function()
    local n = billiard.usable_cpu_count()
    assert.equal("integer", math.type(n))
    assert.is_true(n >= 1 and n <= billiard.cpu_count())
  end)

  it("is what the affinity allows, inherited or changed since", function()
    local out = helper.run(print_both, { interpreter = "taskset",
      flags = { "-c", first_allowed(), helper.lua } })
    assert.equal("1", out:match "%s(%d+)\n$")
    out = helper.run([[
      local b = require "billiard"
      b.usable_cpu_count()
      os.execute("taskset -cp " .. arg[1] .. " " .. b.current_process().pid .. " >/dev/null")
      print(b.usable_cpu_count())]], { args = { first_allowed() } })
    assert.equal("1\n", out)
  end)
end)
