-- errors.lua [--check] FILE: writes the table of BL_ERRORS (runtime/base.h)
-- between the marks of FILE; with --check it only tells whether that stands.

local source = require "tools.source"

local BEGIN <const>, END <const> = "<!-- BL_ERRORS -->\n", "<!-- end -->"

local check = arg[1] == "--check"
local path = arg[check and 2 or 1]

local function rows()
  local out = { "| code | number in C | meaning |\n|---|---|---|\n" }
  for constant, number, name, text in source.read("runtime/base.h"):gmatch
    'X%(([A-Z]+), (%d+), "([^"]+)",%s*\\?%s*"([^"]+)"%)' do
    out[#out + 1] = ("| `%s` | `BL_E%s` (-%s) | %s |\n"):format(name, constant, number, text)
  end
  return table.concat(out)
end

local old = source.read(path)
local from = select(2, old:find(BEGIN, 1, true))
local to = old:find(END, from, true)
local new = old:sub(1, from) .. rows() .. old:sub(to)
if not check then
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(new))
elseif new ~= old then
  io.stderr:write(path, ": not what runtime/base.h says; run tools/errors.lua ", path, "\n")
  os.exit(1)
end
