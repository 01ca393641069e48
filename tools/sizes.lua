-- sizes.lua FILE...: lengths of files and functions, per folder, against the
-- caps. Lua functions are measured by luac's listing, C functions by what
-- stands in column one. A describe() is a chapter, not a function.

local source = require "tools.source"

local caps = { c = { file = 400, fn = 60 }, h = { file = 400, fn = 60 },
  lua = { file = 400, fn = 60 } }
local stands_out = { c = { 250, 40 }, h = { 120, 40 }, lua = { 200, 30 } }

local luac = os.getenv "LUAC" or "luac5.4"
local verdict = source.verdict()

local functions = {}

-- Calls found(name, first, last) for each function of a C file.
function functions.c(file, found)
  local head, first, opened, continued = "", nil, nil, false
  for n, line in source.lines(source.bare_c(source.read(file))) do
    local directive = continued or line:find "^%s*#"
    continued = directive and line:find "\\%s*$"
    if opened then
      if line:find "^}" then
        found(opened, first, n)
        head, first, opened = "", nil, nil
      end
    elseif directive or line:find "^[%s}]*;?%s*$" then
      head, first = "", nil
    else
      first = first or n
      head = head .. line .. " "
      local before = head:match "^([^{;=]*){"
      local name = before and before:match "([%w_]+)%s*%b()%s*$"
      if name and line:find "}%s*$" and select(2, head:gsub("{", "")) ==
        select(2, head:gsub("}", "")) then
        found(name, first, n)
        head, first = "", nil
      elseif name then opened = name
      elseif head:find "[;{]" then head, first = "", nil end
    end
  end
end
functions.h = functions.c

function functions.lua(file, found)
  local lines = {}
  for n, line in source.lines(source.read(file)) do lines[n] = line end
  local list = assert(io.popen(luac .. " -p -l '" .. file .. "' 2>&1"))
  local seen = false
  for text in list:lines() do
    local first, last = text:match "^function <.*:(%d+),(%d+)>"
    seen = seen or text:find "^main <"
    local line = lines[tonumber(first)]
    if line and not line:find "^%s*describe%s*%(" and not line:find "^%s*insulate%s*%(" then
      found(line:match "function%s+([%w_.:]+)" or line:match "it%s*%(?%s*\"([^\"]*)"
        or line:match "([%w_]+)%s*=%s*function" or "anonymous", tonumber(first), tonumber(last))
    end
  end
  list:close()
  if not seen then verdict.add("%s: %s cannot read it", file, luac) end
end

local function figures(list)
  table.sort(list)
  local function at(part) return list[math.max(1, math.ceil(#list * part))] or 0 end
  return at(0.5), at(0.9), list[#list] or 0
end

local groups, order = {}, {}

local function group_of(folder, kind)
  local key = folder .. "/*." .. kind
  if not groups[key] then
    groups[key] = { files = {}, fns = {}, lines = 0, key = key }
    order[#order + 1] = groups[key]
  end
  return groups[key]
end

local function judge(what, length, cap, mark, where)
  if length > cap then verdict.add("%s: %s %d lines, cap %d", where, what, length, cap)
  elseif length > mark then
    print(("stands out: %s: %s %d lines"):format(where, what, length))
  end
end

local function measure(file)
  local folder, _, kind = source.split(file)
  if not functions[kind] then return end
  local group, n = group_of(folder, kind), 0
  for _ in source.lines(source.read(file)) do n = n + 1 end
  group.files[#group.files + 1] = n
  group.lines = group.lines + n
  judge("file of", n, caps[kind].file, stands_out[kind][1], file)
  functions[kind](file, function(name, first, last)
    local length = last - first + 1
    group.fns[#group.fns + 1] = length
    judge(name, length, caps[kind].fn, stands_out[kind][2], file .. ":" .. first)
  end)
end

for _, file in ipairs(arg) do measure(file) end
table.sort(order, function(a, b) return a.key < b.key end)
print(("%-20s %5s %6s %16s %12s"):format("", "files", "lines", "file med/90%/max", "fn"))
for _, group in ipairs(order) do
  print(("%-20s %5d %6d %16s %12s"):format(group.key, #group.files, group.lines,
    ("%d/%d/%d"):format(figures(group.files)), ("%d/%d/%d"):format(figures(group.fns))))
end
verdict.close "sizes are within the caps"
