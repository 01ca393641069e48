-- layers.lua FILE...: the direction of includes.
--   runtime/  no Lua header; a file includes only from lower floors, besides
--             its own header and base.h; hence no cycle
--   bindings/ no system header that opens the kernel (bindings/host may)
--   nobody    includes the facade, or a header by a path not from the root,
--             or one that needs it in turn

local source = require "tools.source"

-- A new file gets its place here.
local floors = {
  [0] = "base error pause point signame",
  "clock cursor fd heap interrupt lock buf plan ring utf8 wake",
  "bell body bulk cell cpu futex lifeline mutex notify pack pidfd poll secret shm signals timer"
    .. " unpack",
  "gong inspect limit packet poller reap region self semaphore spin store stream",
  "board latch listen queue",
  "claim consumer handover parcel producer roster",
  "barrier channel child condition order permits tasklimit tickets",
  "spawn",
  "zygote",
  "deliver link receiver sender",
  "process",
  "brood family pool worker",
  "dispatch hire poolwait verdict",
}

local kernel_headers = {
  "^unistd%.h$", "^errno%.h$", "^sys/", "^signal%.h$", "^fcntl%.h$",
  "^poll%.h$", "^pthread%.h$", "^sched%.h$", "^spawn%.h$", "^linux/",
}

local lua_headers = { "^lua", "^lauxlib%.h$" }

local floor_of = {}
for floor = 0, #floors do
  for stem in floors[floor]:gmatch "%S+" do floor_of[stem] = floor end
end

local verdict = source.verdict()

local function matches(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:find(pattern) then return true end
  end
end

local function stem_of(name) return (name:gsub("_impl$", "")) end

local function check_floor(file, stem, target)
  local above, below = floor_of[stem], floor_of[target]
  if stem == "billiard" or target == "base" or target == stem then return end
  if target == "billiard" then
    return verdict.add("%s: the facade is for strangers only", file)
  end
  if above and below and below >= above then
    verdict.add("%s (floor %d) includes %s.h (floor %d)", file, above, target, below)
  end
end

local check = {}

function check.runtime(file, stem, name, system)
  if matches(name, lua_headers) then
    verdict.add("%s: the runtime does not know Lua (%s)", file, name)
  elseif not system then
    local target = name:match "^runtime/([^/]+)%.h$"
    if not target then return verdict.add("%s includes %s", file, name) end
    check_floor(file, stem, stem_of(target))
  end
end

function check.bindings(file, _, name, system)
  if system and matches(name, kernel_headers) then
    verdict.add("%s: <%s> belongs in the runtime", file, name)
  end
  if not system and name:find "^bindings/host/" then
    verdict.add("%s: the host stands above the bindings (%s)", file, name)
  end
end

check["bindings/host"] = function() end

-- ---- cycles, among the stems of all files ----

local needs = {} -- stem -> stem -> the file that includes it

local function note(folder, stem, name, file)
  local target_folder, target = name:match "^(.*)/([^/]+)%.h$"
  local from, to = folder .. "/" .. stem, target and target_folder .. "/" .. stem_of(target)
  if not target or from == to then return end
  needs[from] = needs[from] or {}
  needs[from][to] = file
end

local state = {}
local function walk(stem, path)
  if state[stem] == "done" then return end
  path[#path + 1] = stem
  if state[stem] == "open" then
    return verdict.add("a cycle: %s", table.concat(path, " -> "))
  end
  state[stem] = "open"
  for target in pairs(needs[stem] or {}) do
    walk(target, table.move(path, 1, #path, 1, {}))
  end
  state[stem] = "done"
end

local includes = 0
for _, file in ipairs(arg) do
  local folder, stem = source.split(file)
  stem = stem_of(stem)
  if folder == "runtime" and stem ~= "billiard" and not floor_of[stem] then
    verdict.add("%s: no floor for it yet; give it one in tools/layers.lua", file)
  end
  for _, line in source.lines(source.read(file)) do
    local mark, name = line:match '^%s*#%s*include%s+(["<])([^">]+)[">]'
    if name then
      local system = mark == "<"
      includes = includes + (system and 0 or 1)
      if not system and not name:find "/" and not name:find "^l?au?" then
        verdict.add('%s: write "%s" from the root', file, name)
      end
      if name:find "runtime/billiard%.h$" then
        verdict.add("%s: the facade is for strangers only", file)
      end
      check[folder](file, stem, name, system)
      if not system then note(folder, stem, name, file) end
    end
  end
end
for stem in pairs(needs) do walk(stem, {}) end
verdict.close(string.format("%d files, %.1f project includes each, all downwards, no cycle",
  #arg, includes / math.max(#arg, 1)))
