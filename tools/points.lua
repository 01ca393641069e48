-- points.lua FILE...: the points of critical sections (runtime/point.h) have
-- the same names in three places: in these C files, in the native test that
-- kills a process at each, and as steps of the model.

local source = require "tools.source"

local TEST <const>, MODEL <const> = "spec/native/queue_points.c", "spec/model/queue.pml"

local verdict = source.verdict()

local function names(text, pattern)
  local set = {}
  for name in text:gmatch(pattern) do set[name] = true end
  return set
end

local function compare(known, others, where)
  for name in pairs(known) do
    if not others[name] then verdict.add("point %s: not in %s", name, where) end
  end
end

local text = {}
for _, file in ipairs(arg) do text[#text + 1] = source.read(file) end
local points = names(table.concat(text, "\n"), "BL_POINT%(([%l_]+)%)")
local tested = names(source.read(TEST), '_scene, "([%l_]+)"')
local modelled = names(source.read(MODEL), "point%(([%l_]+)%)")
modelled.name = nil -- of the macro's own parameter

compare(points, tested, TEST)
compare(points, modelled, MODEL)
compare(tested, points, "the C files")
compare(modelled, points, "the C files")
local n = 0
for _ in pairs(points) do n = n + 1 end
verdict.close(("%d points are tested and modelled"):format(n))
