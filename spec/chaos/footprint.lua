-- What this process has of the system's memory, and what it has more of than
-- before.
--   local footprint = require "spec.chaos.footprint"

local lfs = require "lfs"

local footprint = {}

-- How much more of each is no growth: libc's heap is as large as it was at the
-- collector's worst moment. Some thousand deaths make more of what one of them
-- leaks. Of all else each one counts.
local SLACK <const> = { ["KiB of private memory"] = 1024, ["KiB of Lua's heap"] = 32 }

-- Field -> sum of all of them, in KiB.
local function rollup()
  local sizes = {}
  for line in io.lines "/proc/self/smaps_rollup" do
    local name, size = line:match "^([%w_]+):%s+(%d+) kB"
    if name then sizes[name] = math.tointeger(size) end
  end
  return sizes
end

-- How many descriptors there are, how many memfds among them, and how much
-- memory those hold, in KiB. What is mapped and has no descriptor is a mapping.
local function descriptors()
  local all, memfds, held = 0, 0, 0
  for name in lfs.dir "/proc/self/fd" do
    local path = "/proc/self/fd/" .. name
    local target = lfs.symlinkattributes(path, "target")
    if target and tonumber(name) then all = all + 1 end
    if target and target:find "^/memfd:" then
      memfds = memfds + 1
      held = held + lfs.attributes(path, "blocks") // 2
    end
  end
  return all, memfds, held
end

-- How many there are, and how many of them are of memfds. Of the others
-- libc's heaps alone come and go.
local function mappings()
  local all, shared = 0, 0
  for line in io.lines "/proc/self/maps" do
    all = all + 1
    if line:find("/memfd:", 1, true) then shared = shared + 1 end
  end
  return all, shared
end

--- What there is now, name -> number, after the collector has run.
function footprint.take()
  collectgarbage()
  collectgarbage()
  local heap = collectgarbage "count"
  local fds, memfds, held = descriptors()
  local maps, shared = mappings()
  local sizes = rollup()
  return {
    ["descriptors"] = fds,
    ["memfds"] = memfds,
    ["KiB in memfds"] = held,
    ["mappings"] = maps,
    ["mappings of memfds"] = shared,
    ["KiB of private memory"] = sizes.Private_Clean + sizes.Private_Dirty,
    ["KiB of Lua's heap"] = math.ceil(heap),
  }
end

--- What has grown, as a list of sentences in order. `slack`: how much more is no
-- growth, where that is another amount than else.
function footprint.growth(before, after, slack)
  local list = {}
  for name, n in pairs(after) do
    if n > before[name] + (slack and slack[name] or SLACK[name] or 0) then
      list[#list + 1] = ("%d %s, %d before"):format(n, name, before[name])
    end
  end
  table.sort(list)
  return list
end

return footprint
