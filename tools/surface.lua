-- surface.lua HEADER EXPORTED SPEC...: the lists that must agree.
--   C     every BL_API function of the flattened HEADER has a comment above
--         its paragraph; the module exports these and luaopen_* only
--   Lua   every public name is mentioned in docs/ and types/billiard.lua
--   stems every spec has its page docs/api/<stem>.md
-- Run it where `require "billiard"` finds the module that was built.

local source = require "tools.source"
local lfs = require "lfs"

package.path = "scripts/?.lua;scripts/?/init.lua;" .. package.path

-- spec files about no single module; the page is named where there is one
local no_page = {
  prefork = "docs/api/topology.md", change = "docs/api/topology.md",
  change_random = "docs/api/topology.md",
  flow = "docs/api/topology.md", mesh = "docs/api/topology.md",
  topology_pool = "docs/api/topology.md",
  supervisor_calls = "docs/api/supervisor.md",
  strategy = "docs/api/supervisor.md", escalation = "docs/api/supervisor.md",
  otp = "docs/api/supervisor.md", otp_rules = "docs/api/supervisor.md",
  hostrun = "docs/billiard.1", guide = "docs/guide.md", service = "docs/billiard.1",
  machine = "docs/design.md",
  codec_function = "docs/api/codec.md",
  connection_children = "docs/api/connection.md",
  connection_faults = "docs/api/connection.md",
  connection_functions = "docs/api/connection.md",
  connection_hostile = "docs/api/connection.md",
  connection_loops = "docs/api/connection.md",
  host = "docs/billiard.1", family = "docs/api/process.md",
  result = "docs/api/process.md", board = "docs/api/process.md",
  loops = "docs/api/waiter.md",
  queue_wait = "docs/api/queue.md", queue_kinds = "docs/api/queue.md",
  queue_faults = "docs/api/queue.md",
  lock = "docs/api/sync.md", event = "docs/api/sync.md",
  clock = "docs/api/sync.md", shared_hostile = "docs/api/shared.md",
  value = "docs/api/shared.md", permits = "docs/api/sync.md",
  travel = "docs/api/sync.md", survival = "docs/api/sync.md",
  condition = "docs/api/sync.md", barrier = "docs/api/sync.md",
  zygote = "docs/api/startmethod.md",
  startmethod_child = "docs/api/startmethod.md",
  startmethod_target = "docs/api/startmethod.md",
  helper = true, examples = true, examples_pool = true, facade = true, tree = true, leak = true,
  -- what must be survived, whichever module it meets
  chaos = true, embedding = true, lifecycle = true, lifeline = true,
  inherit = true, misuse = true, resources = true, signals = true,
}

local header, exported = arg[1], arg[2]
local specs = table.move(arg, 3, #arg, 1, {})
local verdict = source.verdict()

local function exists(path) return lfs.attributes(path, "mode") == "file" end

-- All text of the .md files and the manual below a folder.
local function read_docs(folder, out)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    local mode = lfs.attributes(path, "mode")
    if mode == "directory" and name:sub(1, 1) ~= "." then read_docs(path, out)
    elseif name:find "%.md$" or name:find "%.%d$" then out[#out + 1] = source.read(path) end
  end
  return out
end

-- Which functions a header declares, and those no comment stands above.
local function declared(path)
  local names, bare = {}, {}
  local commented = false
  for _, line in source.lines(source.read(path)) do
    if line:find "^%s*$" then commented = false end
    if line:find "^%s*/[*/]" then commented = true end
    local name = line:match "^BL_API.-([%w_]+)%s*%("
    if name then
      names[name] = true
      if not commented then bare[#bare + 1] = name end
    end
  end
  return names, bare
end

local function check_c()
  local names, bare = declared(header)
  for _, name in ipairs(bare) do verdict.add("%s: no comment above it in its header", name) end
  local n, out = 0, {}
  for _, name in source.lines(source.read(exported)) do
    out[name] = true
    if name:find "^bl_" and not names[name] then
      verdict.add("%s: exported, but not in billiard.h", name)
    elseif not name:find "^bl_" and not name:find "^luaopen_" and not name:find "^_" then
      verdict.add("%s: exported without our prefix", name)
    end
  end
  for name in pairs(names) do
    n = n + 1
    if not out[name] then verdict.add("%s: declared, but not exported", name) end
  end
  return n
end

local function check_lua()
  local docs = table.concat(read_docs("docs", {}), "\n")
  local types = exists "types/billiard.lua" and source.read "types/billiard.lua" or ""
  local names = {}
  for name in pairs(require "billiard") do
    if type(name) == "string" and not name:find "^_" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local word = "%f[%w_]" .. name .. "%f[^%w_]"
    if not docs:find(word) then verdict.add("billiard.%s: not in docs/", name) end
    if not types:find(word) then verdict.add("billiard.%s: not in types/billiard.lua", name) end
  end
  return #names
end

local function check_stems()
  for _, spec in ipairs(specs) do
    local folder, base = source.split(spec)
    local stem = base:match "^(.*)_spec$"
    local page = no_page[stem] or stem:find "^pool[%l_]+" and "docs/api/pool.md"
      or "docs/api/" .. stem .. ".md"
    if folder == "spec" and page ~= true and not exists(page) then
      verdict.add("%s: no page %s", spec, page)
    end
  end
end

local c, lua = check_c(), check_lua()
check_stems()
verdict.close(("%d C functions, %d Lua names, %d spec files agree"):format(c, lua, #specs))
